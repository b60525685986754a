/** Still pictures: JPEG of people by HTTP, in the colour that they send, and never of what was not for the one who looks. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectSeeing } from '../lib/matrix.js';
import { RESULTS } from '../lib/server.js';
import { GUARDED, tokenFor } from '../lib/tokens.js';
import { sleep, until } from '../lib/until.js';
import { openMore } from './38-audience.js';

export const name = 'Snapshots';

const INTERVAL_S = 1;
/** Of a fresh one: the interval, a key frame's way, and what a busy machine adds. */
const FRESH_S = 5;
/** Of the lab's cameras. */
const SENT_WIDTH = 640;

export async function scene(stage) {
  await stage.ownServer({ ...GUARDED, SNAPSHOTS__INTERVAL_S: String(INTERVAL_S) });
  const enter = async (name, grants, options = {}, as = '') => {
    const person = await stage.visitor({ name, query: `?token=${tokenFor(stage.room, name, grants)}${as === '' ? '' : `&as=${as}`}`, ...options });
    await person.join(stage.room);
    return person;
  };
  const pierre = await enter('Pierre', '');
  const anne = await enter('Anne', 'agent');
  const ben = await enter('Ben', '', { kind: 'firefox' });
  const floor = [pierre, anne, ben];
  await expectSeeing(floor);

  await stage.step('each gets the others in their colours, as thumbnails and whole, soon after the moment', async () => {
    for (const viewer of floor) {
      for (const other of floor) {
        const small = await fresh(viewer, other, 'thumbnail');
        // The first one asked for is of the smallest encoding; then the largest that comes is kept, too.
        const full = await fresh(viewer, other, 'full', SENT_WIDTH);
        if (small.width !== 160 || small.height !== 90) throw new Error(`a thumbnail of ${small.width}x${small.height}`);
        stage.say(`${viewer.name} of ${other.name}: ${small.ageS} s old in ${small.bytes} bytes; whole ${full.width}x${full.height} in ${full.bytes} bytes`);
      }
    }
  });

  await stage.step('they go on, and no faster than they may', async () => {
    const tags = new Set();
    const began = Date.now();
    while (tags.size < 3) {
      tags.add((await taken(pierre, anne, 'thumbnail')).tag);
      if (Date.now() - began > 30_000) throw new Error(`${tags.size} pictures in 30 s`);
      await sleep(100);
    }
    const tookMs = Date.now() - began;
    stage.say(`3 pictures in ${tookMs} ms`);
    if (tookMs < INTERVAL_S * 1_000) throw new Error('more than one in an interval');
  });

  await stage.step('a wall is one answer, and the second sends again only what is new', async () => {
    const wall = await until('all are on it', async () => {
      const wall = await pierre.room(wallOf);
      return wall.people.every(({ index }) => index !== null) && wall;
    });
    const expected = floor.map(({ id, index }) => `${id} ${index}`).join(', ');
    const seen = wall.people.map(({ participant, index }) => `${participant} ${index}`).join(', ');
    if (seen !== expected) throw new Error(`the wall shows ${seen}, not ${expected}`);
    mkdirSync(join(RESULTS, stage.room), { recursive: true });
    const file = join(RESULTS, stage.room, 'wall.png');
    writeFileSync(file, Buffer.from(wall.png.split(',')[1], 'base64'));
    stage.say(`looked at: ${file}`);
  });

  await stage.step('while one is aside her picture stays what it was, for those who see her live, too', async () => {
    const helper = await enter('Manuel', 'agent', {}, 'helper');
    await openMore(anne, helper);
    await anne.press(`aside-${helper.id}`);
    await anne.on('stance').filter({ hasText: 'You are private' }).waitFor();
    const before = await taken(pierre, anne, 'full');
    await sleep(4 * INTERVAL_S * 1_000);
    const [after, ofHelper] = [await taken(pierre, anne, 'full'), await taken(helper, anne, 'full')];
    stage.say(`counter ${before.counter}, ${after.ageS} s old, later ${after.counter}, at the helper's ${ofHelper.counter}`);
    if (after.counter !== before.counter || ofHelper.counter !== before.counter) throw new Error('it moved on');
    const unknown = await taken(pierre, helper, 'thumbnail');
    if (unknown.code !== 'participant.unknown') throw new Error(`the customer learns of the helper: ${unknown.code}`);
    await anne.press('stance-back');
    await until('she goes on', async () => (await taken(pierre, anne, 'full')).counter !== before.counter);
    await helper.leave();
    await stage.gone(helper);
  });

  await stage.step('a camera that is off has none', async () => {
    await ben.press('camera-button');
    await until('Ben is off', async () => (await taken(pierre, ben, 'thumbnail')).code === 'snapshot.off');
    await ben.press('camera-button');
    await fresh(pierre, ben, 'thumbnail');
  });

  await stage.step('from outside a supervisor may look, and a stranger may not', async () => {
    const path = `${stage.server.url}/api/v1/rooms/${stage.room}/participants/${anne.id}/snapshot?size=full`;
    const look = (token) => fetch(path, { headers: { authorization: `Bearer ${token}` } });
    const seen = await look(tokenFor(stage.room, 'Sofia', 'supervise'));
    if (seen.status !== 200 || seen.headers.get('content-type') !== 'image/jpeg') throw new Error(`${seen.status} ${await seen.text()}`);
    writeFileSync(join(RESULTS, stage.room, 'anne.jpg'), Buffer.from(await seen.arrayBuffer()));
    const again = await fetch(path, { headers: { authorization: `Bearer ${tokenFor(stage.room, 'Sofia', 'supervise')}`, 'if-none-match': seen.headers.get('etag') } });
    stage.say(`age ${seen.headers.get('age')}, ${seen.headers.get('last-modified')}; the same tag again: ${again.status}`);
    for (const stranger of [tokenFor(stage.room, 'Mallory'), tokenFor(stage.room, 'Mona', 'moderate'), tokenFor('elsewhere', 'Eve', 'supervise')]) {
      const refused = await look(stranger);
      if (refused.status !== 403) throw new Error(`a stranger got ${refused.status}`);
    }
  });
}

/** A picture that is not old, and shows whom it should. */
function fresh(viewer, other, size, width = 0) {
  let picture = {};
  return until(() => `${viewer.name} has a fresh picture of ${other.name} (${size}): ${JSON.stringify(picture)}`, async () => {
    picture = await taken(viewer, other, size);
    return picture.index === other.index && picture.ageS <= FRESH_S && picture.width >= width && picture;
  });
}

/** What somebody gets of another: sides, age, whose colour it is and what its counter says; or the code of the refusal. */
function taken(viewer, other, size) {
  return viewer.room(takeIn, { participant: other.id, size });
}

/** Runs in the page. */
async function takeIn(room, { participant, size }) {
  try {
    const { image, ageS, tag } = await room.snapshot(participant, { size });
    return { ...await window.lab.still(image), bytes: image.size, ageS, tag };
  } catch (error) {
    return { code: error.code ?? String(error) };
  }
}

/** Runs in the page: the wall, drawn. */
async function wallOf(room) {
  const wall = await room.thumbnails();
  const canvas = Object.assign(document.createElement('canvas'), { width: 160 * wall.length, height: 90 });
  const brush = canvas.getContext('2d');
  const people = [];
  for (const [place, { participant, image, missing }] of wall.entries()) {
    if (image === null) {
      people.push({ participant, missing, index: null });
      continue;
    }
    brush.drawImage(await createImageBitmap(image), 160 * place, 0);
    people.push({ participant, missing, index: (await window.lab.still(image)).index });
  }
  return { people, png: canvas.toDataURL('image/png') };
}
