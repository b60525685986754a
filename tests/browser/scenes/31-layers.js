/** Simulcast: one viewer on a narrow path takes a smaller picture, and nobody else notices. */
import { Impairment } from '../lib/impair.js';
import { received, seesAtWidth, shown, STEADY_SIZE } from '../lib/video.js';

export const name = 'Layers';

/** The lab's cameras are 640 wide: their encodings are 640 and 320. */
const isTop = (width) => width === 640;
const isLow = (width) => width > 0 && width <= 320;
/** The lower encoding needs up to 150 kb/s, the upper 500: this is between them, with the sound. */
const NARROW_BPS = 350_000;
/** What issue 3 asks for: back at the top within this once the path is free again. */
const BACK_MS = 5_000;

export async function scene(stage) {
  for (const kind of ['chromium', 'firefox']) {
    let anne, ben, clara, path;

    await stage.step(`everybody gets the top layer of ${kind}`, async () => {
      anne = await stage.person({ kind, busy: true, script: STEADY_SIZE });
      path = await Impairment.start(stage);
      ben = await stage.person({ script: path.script });
      clara = await stage.person({ kind: kind === 'chromium' ? 'firefox' : 'chromium' });
      for (const viewer of [ben, clara]) await seesAtWidth(viewer, anne, isTop, 'at full width');
    });

    await stage.step('on a path that becomes narrow the one behind it steps down, and nobody else does', async () => {
      const before = await received(clara, anne);
      await path.set({ down: { rate_bps: NARROW_BPS } });
      const took = await seesAtWidth(ben, anne, isLow, 'at the lower width');
      stage.say(`${ben.name} stepped down after ${took} ms, and is shown ${JSON.stringify(await shown(ben, anne))}`);
      for (let look = 0; look < 6; look++) {
        await ben.page.evaluate(() => window.lab.wait(10));
        const [his, hers] = [await received(ben, anne), await received(clara, anne)];
        if (!isLow(his.width)) throw new Error(`${ben.name} is back at ${his.width} on a path that does not carry it`);
        if (!isTop(hers.width)) throw new Error(`${clara.name}, who has all the room, fell to ${hers.width}`);
      }
      const after = await received(clara, anne);
      if (after.freezes > before.freezes) throw new Error(`the picture of ${clara.name} stood still ${after.freezes - before.freezes} times`);
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

    for (const person of [anne, ben, clara]) await stage.gone(person);
  }
}
