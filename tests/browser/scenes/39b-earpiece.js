/** Somebody on the move hears on an earpiece: all voices in one stream of at most 40 kb/s, no pictures, and a tone without gaps on a lossy network. */
import { Impairment } from '../lib/impair.js';
import { expectHearing } from '../lib/matrix.js';
import { sleep } from '../lib/until.js';
import { shots } from './38-audience.js';

export const name = 'Earpiece';

const LOSS = 0.05;
const DELAY_MS = 40;
/** Of a business scenario: with all headers. */
const MOST_BPS = 40_000;
/** Of the looks, in which a tone must be there. The simulator asks for 98 %; browsers on a busy machine stand still themselves. */
const CONTINUITY = 0.9;
/** A tone that is there is at least this loud. */
const HEARD_DBFS = -45;
const LEARNT_MS = 6_000;
const WATCHED_MS = 12_000;
/** IPv4 and UDP. */
const HEADERS = 28;

export async function scene(stage) {
  const pierre = await stage.person();
  const anne = await stage.person({ kind: 'firefox' });
  const path = await Impairment.start(stage);
  const manuel = await stage.person({ script: path.script, query: '?device=earpiece', devices: 'no-camera' });
  const all = [pierre, anne, manuel];

  await stage.step('he hears the mix of both, is heard by both, and sees nobody', async () => {
    await manuel.until('he hears the mix', () => window.colloquy.room.audioPath === 'mix');
    stage.say(await expectHearing(all));
    await manuel.until('his page says that he only hears', () => document.querySelector('[data-testid="only-hears"]') !== null);
    await shots(stage, [manuel], 'earpiece');
    const videos = await manuel.page.evaluate(() => window.colloquy.room.peerConnection.getTransceivers()
      .filter(({ receiver, direction }) => receiver.track.kind === 'video' && direction.includes('recv')).length);
    if (videos > 0) throw new Error(`his page has ${videos} places for pictures`);
  });

  await stage.step(`on a network that loses ${LOSS * 100} % he is sent at most ${MOST_BPS / 1_000} kb/s, and a tone has no gaps`, async () => {
    await path.set({ up: { loss: LOSS, delay_ms: DELAY_MS }, down: { loss: LOSS, delay_ms: DELAY_MS } });
    await sleep(LEARNT_MS);
    const before = await sent(path);
    const began = Date.now();
    const { looks, heard } = await manuel.page.evaluate(listenFor, [pierre.index, WATCHED_MS, HEARD_DBFS]);
    const after = await sent(path);
    const bps = 8_000 * (after.bytes - before.bytes + HEADERS * (after.datagrams - before.datagrams)) / (Date.now() - began);
    stage.say(`${pierre.name} was heard in ${heard} of ${looks} looks; ${(bps / 1_000).toFixed(1)} kb/s with all headers, RTCP and ICE`);
    const pictures = await manuel.page.evaluate(async () => (await window.lab.stats())
      .filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'video').reduce((sum, { packetsReceived = 0 }) => sum + packetsReceived, 0));
    if (pictures > 0) throw new Error(`${pictures} packets of pictures came`);
    if (bps > MOST_BPS) throw new Error(`${bps.toFixed(0)} b/s`);
    if (heard < CONTINUITY * looks) throw new Error('the tone has gaps');
  });
}

/** What went down the path so far. */
async function sent(path) {
  const sum = { bytes: 0, datagrams: 0 };
  for (const { down } of await path.stats()) {
    sum.bytes += down.bytes;
    sum.datagrams += down.datagrams;
  }
  return sum;
}

/** Runs in the page: how often a tone is there. */
async function listenFor([index, ms, heardDbfs]) {
  const told = { looks: 0, heard: 0 };
  await window.lab.hear(1);
  for (const end = performance.now() + ms; performance.now() < end;) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const heard = window.lab.hearNow(index + 1);
    if (heard.length === 0) continue;
    told.looks += 1;
    told.heard += Math.max(...heard.map(({ levels }) => levels[index])) >= heardDbfs ? 1 : 0;
  }
  return told;
}
