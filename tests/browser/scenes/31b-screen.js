/** A shared screen on a narrow path: fewer pictures of the full size, so that a text can be read. */
import { Impairment } from '../lib/impair.js';
import { DEADLINE_MS, sleep, until } from '../lib/until.js';
import { received, shown } from '../lib/video.js';

export const name = 'Screen';

const WIDTH = 1280;
const HEIGHT = 720;
/** How long it is looked at on each path, in ms. */
const LOOK_MS = 5_000;
/** How long pictures are counted, in ms: there and back through the temporal layers of a page that changes twice a second. */
const COUNT_MS = 2_500;
/** Paths on which the full size must stay. */
const PATHS = [700_000, 400_000];
/**
 * Who shares, and in what. How many pictures a second come is told and not judged: encoders spend 40 to 100 kB on each picture of a page of
 * text, whatever they are told to spend.
 */
const WAYS = [['chromium', 'vp8'], ['chromium', 'vp9'], ['firefox', 'vp8']];

/**
 * A page of text, of which a line is written anew twice a second. (One that is scrolled whole is 100 kB a picture in VP8, however few bits
 * its encoder is told to spend.)
 */
const TEXT = `(${(width, height) => {
  function share() {
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const brush = canvas.getContext('2d');
    const words = 'the quick brown fox jumps over the lazy dog 0123456789 ';
    let line = 0;
    brush.fillStyle = '#fff';
    brush.fillRect(0, 0, width, height);
    const draw = () => {
      const bottom = (line * 18 % height) + 18;
      brush.fillStyle = '#fff';
      brush.fillRect(0, bottom - 18, width, 18);
      brush.fillStyle = '#123';
      brush.font = '15px monospace';
      brush.fillText(words.repeat(3).slice(line % words.length), 8, bottom - 5);
      line += 1;
    };
    for (let i = 0; i * 18 < height; i++) draw();
    setInterval(draw, 500);
    return canvas.captureStream(15);
  }
  Object.defineProperty(MediaDevices.prototype, 'getDisplayMedia', { configurable: true, value: () => Promise.resolve(share()) });
}})(${WIDTH}, ${HEIGHT});`;

/** How many pictures `person` has made of one encoding of the screen. */
function made(person, rid) {
  return person.page.evaluate(async (wanted) => {
    const { peerConnection } = window.colloquy.room;
    const { media } = window.colloquy.room.localTrack('screen');
    const sender = peerConnection.getSenders().find(({ track }) => track === media);
    return [...(await sender.getStats()).values()].find(({ type, rid }) => type === 'outbound-rtp' && rid === wanted)?.framesEncoded ?? 0;
  }, rid);
}

/** What the server got of the encoding of few pictures, in bytes, and how many pictures its publisher made of it. */
async function few(stage, person) {
  const { participants } = await (await fetch(`${stage.server.url}/api/v1/rooms/${stage.room}/stats`)).json();
  const screens = participants.find(({ participant }) => participant === person.id).receive.filter(({ encodings }) => encodings.length === 2);
  const pictures = await made(person, 'h');
  const { bytes, packets } = screens.at(-1).encodings[0];
  return { bytes, packets, pictures, keys: screens.at(-1).keyframe_requests };
}

export async function scene(stage) {
  for (const [kind, codec] of WAYS) {
    let anne, ben, path, all;

    await stage.step(`a screen that ${kind} shares in ${codec} comes in its full size, in all its pictures`, async () => {
      anne = await stage.person({ kind, script: TEXT, query: `?codec=${codec}` });
      path = await Impairment.start(stage);
      ben = await stage.person({ devices: 'none', script: path.script });
      await anne.press('share-button');
      let text = 'none';
      // Firefox makes no picture of one encoding or the other for up to half a minute now and then.
      await until(() => `${ben.name} sees all pictures of the encoding of many: it was ${text}`, async () => {
        const [first, sent] = [await received(ben, anne, 'screen'), await made(anne, 'f')];
        if (first?.width !== WIDTH) return false;
        await sleep(COUNT_MS);
        const [last, then] = [await received(ben, anne, 'screen'), await made(anne, 'f')];
        ({ layer: all } = await shown(ben, anne, 'screen'));
        const [seen, of] = [last.framesDecoded - first.framesDecoded, then - sent];
        text = `${seen} of ${of}, ${JSON.stringify(all)}`;
        // The last one may be under way.
        return all?.encoding === 1 && of >= 4 && seen >= of - 1;
      }, { deadlineMs: 2 * DEADLINE_MS });
      stage.say(`${ben.name} saw ${text}`);
    });

    for (const bps of PATHS) {
      await stage.step(`on ${bps / 1000} kb/s it stays in its full size, and moves less`, async () => {
        await path.set({ down: { rate_bps: bps } });
        // The encoding of few pictures, or fewer pictures of the other where its encoder spends so little that they fit.
        await until(`${ben.name} is shown fewer pictures`, async () => {
          const layer = (await shown(ben, anne, 'screen'))?.layer;
          return layer?.encoding === 0 || layer?.temporal < all.temporal;
        });
        // Pictures of both encodings are alike: that it decodes the new one shows when another picture comes.
        const last = await received(ben, anne, 'screen');
        const told = Date.now();
        const had = await few(stage, anne);
        const comes = async () => (await received(ben, anne, 'screen'))?.framesDecoded > last.framesDecoded;
        // Now and then Firefox sends not one byte of this encoding for half a minute, with its camera going on beside it: then there is nothing
        // to show.
        await until('another picture comes', comes).catch(async (error) => {
          if ((await few(stage, anne)).bytes > had.bytes) throw error;
          stage.say(`${anne.name} sends nothing of the screen`);
        });
        stage.say(`the next picture came ${Date.now() - told} ms after ${ben.name} was told of it`);
        const before = await received(ben, anne, 'screen');
        const sent = await few(stage, anne);
        const began = Date.now();
        const layers = new Set();
        while (Date.now() - began < LOOK_MS) {
          await sleep(500);
          const [picture, told] = [await received(ben, anne, 'screen'), await shown(ben, anne, 'screen')];
          if (picture?.width !== WIDTH) throw new Error(`the screen is ${picture?.width} wide: ${JSON.stringify(told)}`);
          layers.add(JSON.stringify(told?.layer ?? told));
        }
        const after = await received(ben, anne, 'screen');
        const perS = (after.framesDecoded - before.framesDecoded) * 1_000 / (Date.now() - began);
        const then = await few(stage, anne);
        const kbps = (then.bytes - sent.bytes) * 8 / (Date.now() - began);
        stage.say(`${anne.name} sends ${kbps.toFixed(0)} kb/s of few pictures, ${then.pictures - sent.pictures} of them; key frames asked: ${then.keys - sent.keys}`);
        stage.say(`${perS.toFixed(1)} pictures a second of ${WIDTH} pixels, ${after.freezes - before.freezes} freezes; ${[...layers].join(' ')}`);
      });
    }

    await stage.step('and moves as before once the path is wide', async () => {
      await path.set({ down: { rate_bps: 0 } });
      await until(`${ben.name} is shown the encoding of many pictures`, async () => (await shown(ben, anne, 'screen'))?.layer?.encoding === 1);
    });

    for (const person of [anne, ben].filter(Boolean)) await stage.gone(person);
  }
}
