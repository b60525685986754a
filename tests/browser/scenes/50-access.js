/** The keyboard alone, and what axe finds for those who use more than eyes. */
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { expectHearing } from '../lib/matrix.js';

export const name = 'Keyboard and accessibility';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export async function scene(stage) {
  const anne = await stage.person();
  const ben = await stage.visitor({ colorScheme: 'dark' });
  const { keyboard } = ben.page;

  await stage.step('the lobby has no serious faults, light and dark', async () => {
    const lobby = await stage.visitor();
    await examine(stage, lobby, 'lobby, light');
    await examine(stage, ben, 'lobby, dark');
    await stage.gone(lobby);
  });

  await stage.step('joining needs the keyboard only, and typing is no shortcut', async () => {
    await ben.on('name-input').focus();
    await keyboard.press('Control+A');
    await keyboard.type('mvmvm');
    const microphone = await ben.on('lobby-mic-button').getAttribute('aria-label');
    if (microphone !== 'Mute') throw new Error(`typing m into the name switched the microphone: its button says ${microphone}`);
    await keyboard.press('Tab');
    await keyboard.press('Control+A');
    await keyboard.type(stage.room);
    await keyboard.press('Enter');
    await ben.inCall();
    await expectHearing([anne, ben]);
  });

  await stage.step('m mutes and unmutes', async () => {
    await keyboard.press('m');
    await expectHearing([anne, ben], (one, other) => one === ben && other === anne);
    await keyboard.press('m');
    await expectHearing([anne, ben]);
  });

  await stage.step('the people panel opens with p and closes with Escape', async () => {
    await keyboard.press('p');
    await ben.on('participants-panel').waitFor();
    await keyboard.press('Escape');
    await ben.on('participants-panel').waitFor({ state: 'detached' });
  });

  await stage.step('the call has no serious faults, light and dark, with panels and dialogs', async () => {
    await examine(stage, anne, 'call, light');
    await examine(stage, ben, 'call, dark');
    await anne.people();
    await examine(stage, anne, 'call with people, light');
    await keyboard.press('?');
    await ben.on('shortcuts-dialog').waitFor();
    await examine(stage, ben, 'shortcuts, dark');
    await keyboard.press('Escape');
    await ben.on('shortcuts-dialog').waitFor({ state: 'detached' });
    await keyboard.press(',');
    await ben.on('settings-dialog').waitFor();
    await ben.on('connection-facts').locator('summary').click();
    await examine(stage, ben, 'settings with the figures of the connection, dark');
    await keyboard.press('Escape');
    await ben.on('settings-dialog').waitFor({ state: 'detached' });
  });
}

export async function examine(stage, person, what) {
  // Colours that are just fading have no contrast yet.
  await person.page.evaluate(() => Promise.all(document.getAnimations().filter((one) => one.effect?.getTiming().iterations !== Infinity).map((one) => one.finished.catch(() => undefined))));
  await person.page.evaluate(`window.axe ?? (() => { ${AXE} })()`);
  const { violations, passes } = await person.page.evaluate(() => window.axe.run(document, { resultTypes: ['violations', 'passes'] }));
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  stage.say(`${what}: ${passes.length} rules hold${violations.map(({ id, impact, nodes }) => `; ${impact}: ${id} (${nodes.length})`).join('')}`);
  if (grave.length > 0) {
    throw new Error(grave.map(({ id, help, nodes }) => `${what}: ${id}: ${help}\n${nodes.slice(0, 4).map(({ html, failureSummary }) => `  ${html.slice(0, 200)}\n    ${failureSummary.replaceAll('\n', '\n    ')}`).join('\n')}`).join('\n'));
  }
}
