/** What nobody watches is not encoded, and comes back as soon as somebody does; small tiles get small pictures. */
import { encoded, encodes, seesAtWidth, STEADY_SIZE } from '../lib/video.js';

export const name = 'Unwatched layers';

const WIDE = { width: 1280, height: 720 };
const SMALL = { width: 360, height: 340 };

export async function scene(stage) {
  for (const kind of ['chromium', 'firefox']) {
    const anne = await stage.person({ kind, script: STEADY_SIZE });
    const ben = await stage.person();

    await stage.step(`${kind} sends every encoding while the largest is watched`, async () => {
      await seesAtWidth(ben, anne, (width) => width === 640, 'at full width');
      await encodes(anne, 'f', true);
      stage.say(JSON.stringify([...(await encoded(anne)).values()]));
    });

    await stage.step('in a small window the small picture is enough, and the large one is no longer encoded', async () => {
      await ben.page.setViewportSize(SMALL);
      await seesAtWidth(ben, anne, (width) => width <= 320, 'at the lower width');
      const took = await encodes(anne, 'f', false);
      await encodes(anne, 'h', true);
      stage.say(`${anne.name} paused it after ${took} ms`);
    });

    await stage.step('in a large window it is there again at once', async () => {
      await ben.page.setViewportSize(WIDE);
      const encodedMs = await encodes(anne, 'f', true);
      const seenMs = await seesAtWidth(ben, anne, (width) => width === 640, 'at full width again');
      stage.say(`encoded again after ${encodedMs} ms, seen after ${encodedMs + seenMs} ms`);
      if (encodedMs > 2_000) throw new Error(`${anne.name} encoded it again only after ${encodedMs} ms`);
    });

    await stage.step('when the only one who watches turns to others, nothing is encoded for him', async () => {
      await ben.room((room, id) => {
        const camera = room.participants.get(id).tracks.find(({ source }) => source === 'camera');
        room.prefer(camera.id, { size: { width: 0, height: 0 } });
      }, anne.id);
      await encodes(anne, 'f', false);
      await ben.page.setViewportSize({ width: 1100, height: 720 });
      await encodes(anne, 'f', true);
    });

    for (const person of [anne, ben]) await stage.gone(person);
  }
}
