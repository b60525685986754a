/** The layouts of a canvas: a presentation, a picture in a picture, one that is arranged by rectangles; a pin; and the page's one picture of everybody. */
import { huesAt, look, received, watch } from '../lib/canvas.js';
import { expectHearing } from '../lib/matrix.js';
import { RESULTS } from '../lib/server.js';
import { GUARDED, tokenFor } from '../lib/tokens.js';
import { sleep, until } from '../lib/until.js';

export const name = 'Layouts';

/** The page's canvas. */
const PAGE = 'video[data-source=canvas]';
/** Between two looks of which the one goes back to before the other. */
const LOOK_MS = 100;
/** A tone that is there is at least this loud. */
const HEARD_DBFS = -45;
/** Looks in which it may be softer: on two cores several browsers stand still now and then. */
const MOST_MISSING = 0.1;

export async function scene(stage) {
  await stage.ownServer({ ...GUARDED, MIX__VIDEO__WIDTH: '1280', MIX__VIDEO__HEIGHT: '720', MIX__VIDEO__FPS: '10', MIX__VIDEO__COMPOSITES: '4' });
  const enter = async (name, grants, query = '') => {
    const person = await stage.visitor({ name, query: `?token=${tokenFor(stage.room, name, grants)}${query}` });
    await person.join(stage.room);
    return person;
  };
  const pierre = await enter('Pierre', '');
  const anne = await enter('Anne', 'moderate');
  const manuel = await enter('Manuel', '');
  const all = [pierre, anne, manuel];
  const viewer = await stage.stranger();
  const token = tokenFor(stage.room, 'Viewer', '');
  const hues = await viewer.page.evaluate((count) => [...Array(count).keys()].map((i) => window.lab.hueOf(i / 2)), 12);
  // By twice the index: cameras at even places, screens at odd ones.
  const names = new Map(all.flatMap(({ name, index }) => [[index * 2, name], [index * 2 + 1, `${name}'s screen`]]));
  const who = (at) => names.get(at) ?? '-';
  const expectAt = async (page, places, selector) => {
    const wanted = places.map(([, name]) => name).join(', ');
    let seen = '';
    await until(() => `the canvas shows ${wanted}; it shows ${seen}`, async () => {
      seen = (await page.evaluate(huesAt, [hues, places.map(([point]) => point), selector])).map(who).join(', ');
      return seen === wanted;
    });
  };
  const open = (query) => viewer.page.evaluate(watch, [stage.room, token, query, null]);
  const reopen = async (query) => {
    await viewer.page.evaluate(() => window.watching.close());
    await open(query);
  };
  const api = (method, path, body) => anne.page.evaluate(async ([method, path, body, token]) => {
    const response = await fetch(path, { method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, ...(body === null ? {} : { body: JSON.stringify(body) }) });
    return response.status;
  }, [method, path, body ?? null, tokenFor(stage.room, 'Anne', 'moderate')]);
  const shot = (person, file) => person.page.screenshot({ path: `${RESULTS}layouts-${file}.png` });

  await stage.step('a presentation shows whole what is shared, and the others in a column', async () => {
    await manuel.press('share-button');
    await open('?layout=presentation');
    await expectAt(viewer.page, [[[40, 50], 'Manuel\'s screen'], [[90, 33], 'Pierre'], [[90, 53], 'Anne'], [[90, 73], 'Manuel']]);
    await sleep(1_500);
    const { codec, width, height } = await viewer.page.evaluate(received);
    stage.say(`${codec} ${width}x${height}`);
    await shot(viewer, 'presentation');
  });

  await stage.step('a picture in a picture: the screen over all, faces upon it', async () => {
    await reopen('?layout=picture_in_picture');
    await expectAt(viewer.page, [[[40, 40], 'Manuel\'s screen'], [[3, 60], 'Manuel\'s screen']]);
    const shares = await viewer.page.evaluate(look, all.map(({ index }) => hues[index * 2]));
    if (shares.some((share) => share < 1)) throw new Error(`somebody is not on it: ${shares}`);
    await sleep(1_500);
    await shot(viewer, 'inset');
    await manuel.press('share-button');
  });

  await stage.step('a pin comes first, whoever speaks', async () => {
    await reopen(`?layout=speaker&pin=${anne.id}`);
    await expectAt(viewer.page, [[[50, 50], 'Anne']]);
    await reopen(`?layout=speaker&pin=${manuel.id}`);
    await expectAt(viewer.page, [[[50, 50], 'Manuel']]);
    await shot(viewer, 'pin');
  });

  await stage.step('a layout that is arranged, changed while it is watched, and deleted', async () => {
    const path = `/api/v1/rooms/${stage.room}/layouts/lecture`;
    const column = [0, 1].map((at) => ({ x: 720, y: 20 + at * 490, width: 260, height: 470 }));
    const status = await api('PUT', path, { places: [{ x: 20, y: 20, width: 680, height: 960, shows: anne.id }, ...column] });
    if (status !== 201) throw new Error(`it is new, and the answer is ${status}`);
    await reopen('?layout=lecture');
    await expectAt(viewer.page, [[[36, 50], 'Anne'], [[85, 27], 'Pierre'], [[85, 76], 'Manuel'], [[71, 50], '-']]);
    await sleep(1_000);
    await shot(viewer, 'arranged');
    const changed = await api('PUT', path, { places: [{ x: 0, y: 0, width: 1_000, height: 1_000, shows: pierre.id }, { x: 700, y: 680, width: 280, height: 280, shows: anne.id }] });
    if (changed !== 200) throw new Error(`it is changed, and the answer is ${changed}`);
    await expectAt(viewer.page, [[[36, 50], 'Pierre'], [[84, 80], 'Anne']]);
    await sleep(1_000);
    await shot(viewer, 'changed');
    const deleted = await api('DELETE', path);
    if (deleted !== 204) throw new Error(`it is deleted, and the answer is ${deleted}`);
    await expectAt(viewer.page, [[[25, 27], 'Pierre'], [[75, 27], 'Anne'], [[50, 77], 'Manuel']]);
    await viewer.page.evaluate(() => window.watching.close());
  });

  await stage.step('a microphone that is off is marked', async () => {
    await open('');
    await anne.press('mic-button');
    await sleep(2_500);
    await shot(viewer, 'muted');
    await anne.press('mic-button');
    await viewer.page.evaluate(() => window.watching.close());
    await stage.gone(viewer);
  });

  await stage.step('the page shows one picture of everybody, and goes back, without a gap in sound', async () => {
    const listening = pierre.page.evaluate(listenFor, [anne.index, LOOK_MS, HEARD_DBFS]);
    await pierre.page.keyboard.press(',');
    await pierre.on('video-mode').selectOption('composite');
    await shot(pierre, 'settings');
    await pierre.page.keyboard.press('Escape');
    await pierre.on('canvas').waitFor();
    await expectAt(pierre.page, [[[25, 27], 'Pierre'], [[75, 27], 'Anne'], [[50, 77], 'Manuel']], PAGE);
    const places = await pierre.page.evaluate(() => [...document.querySelectorAll('video')].map(({ dataset }) => dataset.source));
    stage.say(`on the page: ${places.join(', ')}`);
    if (places.join() !== 'canvas,camera') throw new Error('there is the canvas, and himself');
    await sleep(1_500);
    await shot(pierre, 'page');
    await pierre.press('layout-button');
    await expectLayout(pierre, 'speaker');
    await pierre.press('layout-button');
    await expectLayout(pierre, 'picture_in_picture');
    await sleep(1_500);
    await shot(pierre, 'page-inset');
    await pierre.page.setViewportSize({ width: 412, height: 780 });
    await sleep(1_000);
    await shot(pierre, 'page-narrow');
    await pierre.page.setViewportSize({ width: 1280, height: 720 });
    await pierre.page.keyboard.press(',');
    await pierre.on('video-mode').selectOption('forward');
    await pierre.page.keyboard.press('Escape');
    await pierre.until('he sees each by himself', (ids) => ids.every((id) => {
      const video = document.querySelector(`video[data-participant=${id}][data-source=camera]`);
      return video !== null && video.videoWidth > 0;
    }), [anne.id, manuel.id]);
    await pierre.page.evaluate(() => { window.listening = false; });
    const { looks, missing } = await listening;
    stage.say(`he listened ${looks} times, and Anne was missing ${missing} times`);
    if (looks < 20 || missing > looks * MOST_MISSING) throw new Error('Anne was missing');
    stage.say(await expectHearing(all));
  });

  await stage.step('the address asks for it', async () => {
    const susi = await enter('Susi', '', '&video=composite');
    await susi.on('canvas').waitFor();
    await expectAt(susi.page, [[[25, 30], 'Pierre'], [[75, 30], 'Anne'], [[25, 78], 'Manuel']], PAGE);
    await susi.room((room, pin) => room.setVideoMode('composite', { layout: 'speaker', pin }), manuel.id);
    await expectAt(susi.page, [[[50, 50], 'Manuel']], PAGE);
    await sleep(1_500);
    await shot(susi, 'page-speaker');
    await anne.room((room, who) => room.act({ verb: 'hold', participant: who, held: true }), susi.id);
    await susi.until('no picture of others stands while she is on hold', () => document.querySelector('video[data-source=canvas]') === null);
    await shot(susi, 'page-held');
    await anne.room((room, who) => room.act({ verb: 'hold', participant: who, held: false }), susi.id);
    await expectAt(susi.page, [[[50, 50], 'Manuel']], PAGE);
    await susi.leave();
  });

  const complaints = all.flatMap(({ complaints }) => complaints);
  if (complaints.length > 0) stage.say(complaints.join('\n'));
}

async function expectLayout(person, layout) {
  await person.until(`the layout is ${layout}`, (layout) => document.querySelector('[data-testid=call]').dataset.layout === layout, layout);
}

/** Runs in the page: how often a tone is missing, until told to stop. */
async function listenFor([there, lookMs, heardDbfs]) {
  window.listening = true;
  const told = { looks: 0, missing: 0 };
  await window.lab.hear(1);
  while (window.listening) {
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    const heard = window.lab.hearNow(there + 1);
    if (heard.length === 0) continue;
    told.looks += 1;
    if (Math.max(...heard.map(({ levels }) => levels[there])) < heardDbfs) told.missing += 1;
  }
  return told;
}
