/** H.264 by simulcast, VP9 and AV1 by spatial layers: for each, one viewer gets less of it than another. */
import { encoded, received, seesAtWidth, shown, STEADY_SIZE, stoodStill, watchPictures } from '../lib/video.js';

export const name = 'Layers of each codec';

/** Enough for the lower layer of the lab's small camera and the sound, not for both layers. */
const LIMIT_BPS = 300_000;
/** What counts as standing still. */
const FREEZE_MS = 500;
const CODECS = ['h264', 'vp9', 'av1'];

export async function scene(stage) {
  for (const codec of CODECS) {
    await stage.step(`${codec}: one viewer with the whole picture, one with the lower layers, and back`, async () => {
      const anne = await stage.person({ busy: true, script: STEADY_SIZE, query: `?codec=${codec}` });
      const ben = await stage.person({ devices: 'none' });
      const clara = await stage.person({ devices: 'none' });
      for (const viewer of [ben, clara]) await seesAtWidth(viewer, anne, (width) => width === 640, 'at full width');
      const seen = await received(ben, anne);
      if (seen.codec.toLowerCase() !== `video/${codec}`) throw new Error(`${anne.name} was to send ${codec}, and ${ben.name} gets ${seen.codec}`);
      stage.say(`${seen.codec}, encodings ${JSON.stringify([...(await encoded(anne)).keys()])}, ${ben.name} is shown ${JSON.stringify(await shown(ben, anne))}`);

      await watchPictures(clara, anne);
      await ben.room((room, limit) => room.setDownlink({ maxBps: limit }), LIMIT_BPS);
      await seesAtWidth(ben, anne, (width) => width <= 320, 'at the lower width');
      stage.say(`${ben.name} is shown ${JSON.stringify(await shown(ben, anne))}`);
      const hers = await received(clara, anne);
      if (hers.width !== 640) throw new Error(`${clara.name}, who has all the room, fell to ${hers.width}`);

      await ben.room((room) => room.setDownlink({}));
      const took = await seesAtWidth(ben, anne, (width) => width === 640, 'at full width again');
      stage.say(`${ben.name} was back after ${took} ms`);
      const { ms, text } = await stoodStill(clara, anne, { isClean: true });
      stage.say(text);
      if (ms > FREEZE_MS) throw new Error(`the picture of ${clara.name} stood still for ${ms.toFixed(0)} ms`);
      for (const person of [anne, ben, clara]) await stage.gone(person);
    });
  }
}
