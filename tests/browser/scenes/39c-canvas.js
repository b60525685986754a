/** Pictures drawn together by the server: who is on a canvas, in both codecs and layouts, with a camera switched off, hold and a side talk. */
import { GUARDED, tokenFor } from '../lib/tokens.js';
import { sleep, until } from '../lib/until.js';
import { RESULTS } from '../lib/server.js';
import { look, received, watch } from '../lib/canvas.js';

export const name = 'Canvas';

/** Pixels of somebody's colour, in percent of the canvas, from which on he is seen. */
const SEEN_PCT = 3;

export async function scene(stage) {
  await stage.ownServer({ ...GUARDED, MIX__VIDEO__WIDTH: '640', MIX__VIDEO__HEIGHT: '360', MIX__VIDEO__FPS: '15' });
  const enter = async (name, grants, options = {}) => {
    const person = await stage.visitor({ name, query: `?token=${tokenFor(stage.room, name, grants)}`, ...options });
    await person.join(stage.room);
    return person;
  };
  const pierre = await enter('Pierre', '');
  const anne = await enter('Anne', 'agent');
  const manuel = await enter('Manuel', 'agent');
  const all = [pierre, anne, manuel];
  const viewer = await stage.stranger();
  const token = tokenFor(stage.room, 'Viewer', '');
  const open = (query, codec) => viewer.page.evaluate(watch, [stage.room, token, query, codec]);
  const hues = await viewer.page.evaluate((count) => [...Array(count).keys()].map((i) => window.lab.hueOf(i)), 8);
  const onCanvas = async () => {
    const shares = await viewer.page.evaluate(look, all.map(({ index }) => hues[index]));
    return all.filter((_, i) => shares[i] >= SEEN_PCT).map(({ name }) => name);
  };
  const expectOnCanvas = async (names) => {
    let seen = [];
    await until(() => `the canvas shows ${names.join(', ')}; it shows ${seen.join(', ')}`, async () => {
      seen = await onCanvas();
      return seen.join() === names.join();
    });
    // And it stays so.
    for (let i = 0; i < 5; i++) {
      await sleep(200);
      seen = await onCanvas();
      if (seen.join() !== names.join()) throw new Error(`then the canvas shows ${seen.join(', ')}`);
    }
  };

  await stage.step('a viewer with one place sees everybody on one canvas', async () => {
    await open('', null);
    await expectOnCanvas(['Pierre', 'Anne', 'Manuel']);
    let got = {};
    // Until it is known what his path carries, he has the smaller of its sizes.
    await until(() => `a canvas of 640x360; it is ${got.width}x${got.height}`, async () => {
      got = await viewer.page.evaluate(received);
      return got.width === 640 && got.height === 360;
    });
    stage.say(`${got.codec} ${got.width}x${got.height}, ${got.frames} pictures`);
    await viewer.page.screenshot({ path: `${RESULTS}canvas-grid.png` });
  });

  await stage.step('who is held is not on it', async () => {
    await anne.room((room, who) => room.act({ verb: 'hold', participant: who, held: true }), pierre.id);
    await expectOnCanvas(['Anne', 'Manuel']);
    await anne.room((room, who) => room.act({ verb: 'hold', participant: who, held: false }), pierre.id);
    await expectOnCanvas(['Pierre', 'Anne', 'Manuel']);
  });

  await stage.step('a camera that is switched off is an avatar', async () => {
    await manuel.press('camera-button');
    await expectOnCanvas(['Pierre', 'Anne']);
    await viewer.page.screenshot({ path: `${RESULTS}canvas-avatar.png` });
    await manuel.press('camera-button');
    await expectOnCanvas(['Pierre', 'Anne', 'Manuel']);
  });

  await stage.step('the same in H.264 and with the speaker large', async () => {
    await viewer.page.evaluate(() => window.watching.close());
    await open('?layout=speaker', 'video/H264');
    await expectOnCanvas(['Pierre', 'Anne', 'Manuel']);
    const { codec } = await viewer.page.evaluate(received);
    if (codec !== 'video/H264') throw new Error(`it is ${codec}`);
    await viewer.page.screenshot({ path: `${RESULTS}canvas-speaker.png` });
  });
}
