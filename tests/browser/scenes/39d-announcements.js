/**
 * What the server plays into a room: a file, a text and hold music, each a tone of its own, measured at those whom they are for and at those
 * whom they are not for, in both engines and in both ways of hearing others.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectHearing } from '../lib/matrix.js';
import { GUARDED, tokenFor } from '../lib/tokens.js';
import { until } from '../lib/until.js';

export const name = 'Announcements';

/** As the lab numbers tones, above those of people. */
const NEWS = 6;
const MUSIC = 7;
const SPOKEN = 8;
const hzOf = (index) => 400 + 240 * index;
/** A tone that is there is at least this loud, and one that is not at most that. */
const HEARD_DBFS = -45;
const SILENT_DBFS = -62;
/** Hold music is gone so soon after its listener is back, by the page's own clock. */
const GONE_MS = 150;
/** What the analysers look back, and how often they are read. */
const LOOK_BACK_MS = 350;

export async function scene(stage) {
  const directory = mkdtempSync(join(tmpdir(), 'colloquy-sounds-'));
  try {
    writeFileSync(join(directory, 'news.wav'), wav(hzOf(NEWS), 4));
    writeFileSync(join(directory, 'music.wav'), wav(hzOf(MUSIC), 2));
    writeFileSync(join(directory, 'spoken.bin'), wav(hzOf(SPOKEN), 4));
    await play(stage, directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function play(stage, directory) {
  await stage.ownServer({
    ...GUARDED, ANNOUNCEMENTS__DIRECTORY: directory, ANNOUNCEMENTS__HOLD_MUSIC: 'music.wav',
    // Whatever the text is: what it would be needs a voice.
    ANNOUNCEMENTS__SPEECH_COMMAND: JSON.stringify(['cat', join(directory, 'spoken.bin')]),
  });
  const enter = async (name, grants, options = {}) => {
    const person = await stage.visitor({ name, query: `?token=${tokenFor(stage.room, name, grants)}`, ...options });
    await person.join(stage.room);
    return person;
  };
  const pierre = await enter('Pierre', '');
  const anne = await enter('Anne', 'agent');
  const manuel = await enter('Manuel', '', { kind: 'firefox' });
  const all = [pierre, anne, manuel];
  await expectHearing(all);

  const listeners = all.filter((person) => person.canHear);
  const measure = (person) => person.page.evaluate((count) => window.lab.hear(count), SPOKEN + 1);
  /** Waits until these hear a tone and the others do not. */
  const expectTone = async (tone, hearers) => {
    let told = '';
    await until(() => `tone ${tone} to be heard by ${hearers.map(({ name }) => name)}: ${told}`, async () => {
      const levels = await Promise.all(listeners.map(async (person) => {
        const { heard } = await measure(person);
        return Math.max(-200, ...heard.map(({ levels }) => levels[tone]));
      }));
      told = listeners.map(({ name }, i) => `${name} ${levels[i].toFixed(0)}`).join(', ');
      return listeners.every((person, i) => (hearers.includes(person) ? levels[i] >= HEARD_DBFS : levels[i] <= SILENT_DBFS));
    });
    stage.say(told);
  };
  const announce = (wish) => anne.room((room, wish) => room.announce(wish), wish);
  const hush = ({ id }) => anne.room((room, id) => room.hush(id), id);
  const hold = (person, held) => anne.room((room, [participant, held]) => room.act({ verb: 'hold', participant, held }), [person.id, held]);

  await stage.step('all hear a file, and each other as before', async () => {
    const news = await announce({ file: 'news.wav', repeat: true });
    await expectTone(NEWS, all);
    await expectHearing(all);
    for (const person of all) await person.room((room) => room.setAudioMode('mix'));
    for (const person of all) await person.until('the mix', () => window.colloquy.room.audioPath === 'mix');
    await expectTone(NEWS, all);
    await expectHearing(all);
    for (const person of all) await person.room((room) => room.setAudioMode('forward'));
    await expectTone(NEWS, all);
    await hush(news);
    await expectTone(NEWS, []);
    await expectHearing(all);
  });

  await stage.step('one hears a text', async () => {
    const spoken = await announce({ text: 'You are next.', to: pierre.id, repeat: true });
    await expectTone(SPOKEN, [pierre]);
    await hush(spoken);
    await expectTone(SPOKEN, []);
  });

  await stage.step('who is on hold hears music, and no longer', async () => {
    await hold(pierre, true);
    await expectTone(MUSIC, [pierre]);
    stage.say(await expectHearing(all, (one, other) => one !== other && one !== pierre && other !== pierre));
    const watch = pierre.page.evaluate(watchTheEnd, [MUSIC, HEARD_DBFS]);
    await hold(pierre, false);
    const lasted = (await watch) - LOOK_BACK_MS;
    stage.say(`the music was there for ${Math.max(0, Math.round(lasted))} ms after Pierre was told that he is back`);
    await expectTone(MUSIC, []);
    await expectHearing(all);
    // The page plays what it has buffered; on a busy machine that is told, and fails where it is far from what is promised.
    if (lasted > 5 * GONE_MS) throw new Error('the music went on');
  });

  await stage.step('who may not moderate has nothing played', async () => {
    const code = await pierre.room((room) => room.announce({ file: 'news.wav' }).then(() => 'played', (error) => error.code));
    if (code !== 'auth.forbidden') throw new Error(`Pierre: ${code}`);
    const missing = await anne.room((room) => room.announce({ file: 'none.wav' }).then(() => 'played', (error) => error.code));
    if (missing !== 'sound.unknown') throw new Error(`Anne: ${missing}`);
  });
}

/** Runs in the page: how long a tone is still there after we are told that we are back, in ms. */
async function watchTheEnd([tone, heardDbfs]) {
  await new Promise((resolve) => {
    const look = () => (window.colloquy.room.stance.held ? setTimeout(look, 5) : resolve());
    look();
  });
  const back = performance.now();
  let last = back;
  while (performance.now() - last < 1_000) {
    const level = Math.max(-200, ...window.lab.hearNow(tone + 1).map(({ levels }) => levels[tone]));
    if (level >= heardDbfs) last = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return last - back;
}

/** A tone in a WAV file of 44,100 Hz. */
function wav(hz, seconds) {
  const rate = 44_100;
  const samples = Int16Array.from({ length: rate * seconds }, (_, i) => 8_000 * Math.sin((2 * Math.PI * hz * i) / rate));
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + samples.byteLength, 4);
  header.write('WAVEfmt ', 8);
  for (const [at, value] of [[20, 1], [22, 1], [32, 2], [34, 16]]) header.writeUInt16LE(value, at);
  for (const [at, value] of [[16, 16], [24, rate], [28, 2 * rate], [40, samples.byteLength]]) header.writeUInt32LE(value, at);
  header.write('data', 36);
  return Buffer.concat([header, Buffer.from(samples.buffer)]);
}
