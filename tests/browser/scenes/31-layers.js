/** Simulcast: one viewer on a narrow path takes a smaller picture, and nobody else notices. */
import { Impairment } from '../lib/impair.js';
import { until } from '../lib/until.js';
import { ownPause, received, seesAtWidth, shown, STEADY_SIZE, stoodStill, watchPictures } from '../lib/video.js';

export const name = 'Layers';

/** The lab's cameras are 640 wide: their encodings are 640 and 320. */
const isTop = (width) => width === 640;
const isLow = (width) => width > 0 && width <= 320;
/** The lower encoding needs up to 150 kb/s, the upper 500: this is between them, with the sound. */
const NARROW_BPS = 350_000;
/** From here on it does not carry half of the upper's pictures either. */
const FULL_BPS = 420_000;
/** What issue 3 asks for: back at the top within this once the path is free again. */
const BACK_MS = 5_000;
/** After so long without a picture of the largest encoding the server goes over to a smaller one, in ms. */
const PAUSE_MS = 200;
/** And what counts as standing still. */
const FREEZE_MS = 500;

/** What the server knows of somebody. */
async function figures(stage, person) {
  const { participants } = await (await fetch(`${stage.server.url}/api/v1/rooms/${stage.room}/stats`)).json();
  return participants.find(({ participant }) => participant === person.id);
}

/** What the server gets of somebody's largest encoding, in bits a second. */
async function topBps(stage, person) {
  const video = (await figures(stage, person)).receive.find(({ encodings }) => encodings.length > 1);
  return video?.encodings.at(-1).bps ?? 0;
}

export async function scene(stage) {
  for (const kind of ['chromium', 'firefox']) {
    let anne, ben, clara, path, whole;

    await stage.step(`everybody gets the top layer of ${kind}`, async () => {
      anne = await stage.person({ kind, busy: true, script: STEADY_SIZE });
      path = await Impairment.start(stage);
      // Who only watches leaves the narrow path, and this machine, to what is watched.
      ben = await stage.person({ devices: 'none', script: path.script });
      clara = await stage.person({ kind: kind === 'chromium' ? 'firefox' : 'chromium', devices: 'none' });
      for (const viewer of [ben, clara]) await seesAtWidth(viewer, anne, isTop, 'at full width');
      // What it learnt of its own path before it sends all that it may takes a publisher some seconds.
      await until(`${anne.name} sends the top layer at its full rate`, async () => await topBps(stage, anne) > FULL_BPS);
      ({ layer: whole } = await shown(ben, anne));
    });

    await stage.step('on a path that becomes narrow the one behind it steps down, and nobody else does', async () => {
      await watchPictures(clara, anne);
      await path.set({ down: { rate_bps: NARROW_BPS } });
      const took = await seesAtWidth(ben, anne, isLow, 'at the lower width');
      stage.say(`${ben.name} stepped down after ${took} ms, and is shown ${JSON.stringify(await shown(ben, anne))}`);
      for (let look = 0; look < 6; look++) {
        // A camera that this machine starves sends fewer pictures, and the path may carry them all: then there is nothing to see.
        await until(`${anne.name} sends more than the path carries`, async () => await topBps(stage, anne) > NARROW_BPS);
        await ben.page.evaluate(() => window.lab.wait(10));
        const [his, hers] = [await received(ben, anne), await received(clara, anne)];
        for (const [viewer, picture] of [[ben, his], [clara, hers]]) {
          if (picture === null) throw new Error(`${viewer.name} gets no picture, and is shown ${JSON.stringify(await shown(viewer, anne))}`);
        }
        if (!isLow(his.width)) {
          const { allocated_bps: allocated } = (await figures(stage, ben)).downlink;
          const now = await shown(ben, anne);
          // Some pictures of a large encoding that became smaller may fit; all of them do not while it has its rate.
          const isPart = now?.layer?.temporal < whole.temporal;
          if (allocated > NARROW_BPS || (!isPart && await topBps(stage, anne) > NARROW_BPS)) {
            throw new Error(`${ben.name} is back at ${his.width}, for ${allocated} bit/s on a path of ${NARROW_BPS}: ${JSON.stringify(now)}`);
          }
        }
        // Of Firefox, which does not say what it sends, a pause in its large pictures is taken for their end.
        const pauses = kind === 'firefox' && await ownPause(anne) >= PAUSE_MS;
        if (!isTop(hers.width) && !pauses) throw new Error(`${clara.name}, who has all the room, fell to ${hers.width}`);
      }
      const { ms, text } = await stoodStill(clara, anne, { isClean: true });
      stage.say(text);
      if (ms > FREEZE_MS) throw new Error(`the picture of ${clara.name} stood still for ${ms.toFixed(0)} ms`);
    });

    await stage.step('and steps up again soon after it is wide', async () => {
      await path.set({ down: { rate_bps: 0 } });
      const took = await seesAtWidth(ben, anne, isTop, 'at full width again');
      stage.say(`${ben.name} was back after ${took} ms`);
      if (took > BACK_MS) throw new Error(`${ben.name} was back at the top only after ${took} ms: more than ${BACK_MS}`);
    });

    await stage.step('a limit that the viewer sets himself holds as well', async () => {
      await clara.room((room, maxBps) => room.setDownlink({ maxBps }), NARROW_BPS);
      await seesAtWidth(clara, anne, isLow, 'at the lower width');
      const { layer } = await shown(clara, anne);
      if (layer?.encoding !== 0) throw new Error(`${clara.name} is shown ${JSON.stringify(layer)}`);
      await clara.room((room) => room.setDownlink({}));
      const took = await seesAtWidth(clara, anne, isTop, 'at full width again');
      stage.say(`${clara.name} was back after ${took} ms`);
    });

    for (const person of [anne, ben, clara].filter(Boolean)) await stage.gone(person);
  }
}
