/** What goes wrong is said, and the way on is shown. */
import { expectCall, expectHearing, expectSeeing } from '../lib/matrix.js';

export const name = 'Errors';

export async function scene(stage) {
  const server = await stage.ownServer();
  const anne = await stage.person();

  await stage.step('who refuses the devices is told so, and may join without', async () => {
    const ben = await stage.visitor({ devices: 'refused', granted: false });
    await ben.page.locator('[data-testid=media-problem][data-code="media.not_allowed"]').waitFor();
    await ben.join(stage.room);
    stage.say(await expectHearing([anne, ben], (one, other) => one === ben && other === anne));
    await expectSeeing([anne, ben], (one, other) => one === ben && other === anne);
    await stage.gone(ben);
  });

  await stage.step('who has no camera is told so, and is heard', async () => {
    const ben = await stage.visitor({ devices: 'no-camera' });
    await ben.page.locator('[data-testid=media-problem][data-code="media.not_found"]').waitFor();
    await ben.join(stage.room);
    await expectHearing([anne, ben]);
    await expectSeeing([anne, ben], (one, other) => one === ben && other === anne);
    await stage.gone(ben);
  });

  const ben = await stage.person();

  await stage.step('who is removed by a moderator is told so', async () => {
    await expectCall([anne, ben]);
    await anne.kick(ben);
    await ben.on('ended-kicked').waitFor();
    await anne.tile(ben).waitFor({ state: 'detached' });
    await expectHearing([anne], () => false, [anne, ben]);
    await ben.press('lobby-button');
    await ben.join(stage.room);
    await expectCall([anne, ben]);
  });

  await stage.step('when the server is gone the page says so, and is back when the server is', async () => {
    await server.kill();
    for (const person of [anne, ben]) await person.on('reconnecting').waitFor();
    await server.up();
    for (const person of [anne, ben]) {
      await person.on('reconnecting').waitFor({ state: 'detached' });
      await person.inCall();
    }
    stage.say(await expectCall([anne, ben]));
  });

  await stage.step('a lobby whose server does not answer says so, and joins when it does', async () => {
    const clara = await stage.visitor();
    await server.kill();
    await clara.on('name-input').fill(clara.name);
    await clara.on('room-input').fill(stage.room);
    await clara.press('join-button');
    await clara.on('join-error').waitFor();
    await server.up();
    await clara.press('join-button');
    await clara.inCall();
  });
}
