/**
 * Drives the page into each of its states and writes pictures into shots/. For looking at, not for comparing.
 *
 *   node screenshots.js            all of them
 *   node screenshots.js call-3     those whose name begins so
 */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Browsers } from './lib/browsers.js';
import { Report } from './lib/report.js';
import { Server } from './lib/server.js';
import { Stage } from './lib/stage.js';
import { FACES } from './lab/faces.js';

const SHOTS = fileURLToPath(new URL('shots/', import.meta.url));
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
const WALL = { viewport: { width: 2560, height: 1440 } };
const DARK = { colorScheme: 'dark' };
const only = process.argv[2] ?? '';

mkdirSync(SHOTS, { recursive: true });
const browsers = new Browsers();
const server = await Server.start('screenshots');

/** A scene of its own: people in a room, then pictures. */
async function scene(name, play) {
  if (!name.startsWith(only) && !only.startsWith(name)) return;
  const stage = new Stage({ server, browsers, report: new Report(), name });
  stage.room = 'team-weekly';
  try {
    await play(stage, (person, shot) => picture(person, shot));
  } catch (error) {
    console.log(`${name}: ${error.message}`);
    for (const person of stage.people) await picture(person, `${name}-broken-${person.name}`).catch(() => undefined);
  } finally {
    await stage.close();
  }
}

async function picture(person, shot) {
  // Toasts and transitions that end are let end; pointers are moved away, or there is a tooltip on it.
  await person.page.mouse.move(2, 2);
  await person.page.evaluate(() => window.lab.wait(12));
  await person.page.screenshot({ path: `${SHOTS}${shot}.png` });
  console.log(`${shot}.png`);
}

/** Somebody with a face in place of a flat colour. */
const face = (index, options = {}) => ({ index, script: `(${FACES})(${index});`, ...options });

await scene('lobby', async (stage, shoot) => {
  for (const [shot, options] of Object.entries({ light: {}, dark: DARK, phone: PHONE, 'phone-dark': { ...PHONE, ...DARK }, wall: WALL })) {
    const anne = await stage.visitor(face(0, options));
    await anne.on('name-input').fill('Anne Marchand');
    await anne.on('room-input').fill('team-weekly');
    await shoot(anne, `lobby-${shot}`);
    await stage.gone(anne);
  }
  const errors = await stage.visitor(face(0));
  await errors.on('name-input').fill('');
  await errors.on('room-input').fill('not a room/');
  await errors.press('join-button');
  await shoot(errors, 'lobby-field-errors');
  await stage.gone(errors);
  for (const devices of ['refused', 'none', 'no-camera']) {
    const ben = await stage.visitor({ devices, granted: false });
    await shoot(ben, `lobby-${devices}`);
    await stage.gone(ben);
  }
});

await scene('call', async (stage, shoot) => {
  const anne = await stage.person(face(0, { name: 'Anne Marchand' }));
  await shoot(anne, 'call-1');
  const ben = await stage.person(face(1, { name: 'Ben Okafor', ...DARK }));
  await shoot(anne, 'call-2');
  const clara = await stage.person(face(2, { name: 'Clara Jiménez-Hansen', ...PHONE }));
  await clara.tile(ben).waitFor();
  await shoot(anne, 'call-3');
  await shoot(ben, 'call-3-dark');
  await shoot(clara, 'call-3-phone');
  const david = await stage.person(face(3, { name: 'David', devices: 'none', granted: false }));
  await shoot(anne, 'call-4-one-without-devices');
  await ben.press('mic-button');
  await shoot(ben, 'call-muted-dark');
  await ben.press('mic-button');
  await anne.people();
  await shoot(anne, 'call-people');
  await anne.press(`kick-${david.id}`);
  await shoot(anne, 'call-kick-dialog');
  await anne.press('kick-confirm');
  await david.on('ended-kicked').waitFor();
  await shoot(david, 'ended-kicked');
  await stage.gone(david);
  await anne.press('participants-button');
  await clara.people();
  await shoot(clara, 'call-people-phone');
  await clara.page.keyboard.press('Escape');
  await anne.press('layout-button');
  await shoot(anne, 'call-speaker');
  await anne.press('layout-button');
  await ben.press('share-button');
  await shoot(ben, 'call-sharing-own-dark');
  await shoot(anne, 'call-sharing');
  await shoot(clara, 'call-sharing-phone');
  await ben.press('share-button');
  await anne.press('more-button');
  await shoot(anne, 'call-more-menu');
  await anne.page.keyboard.press('Escape');
  await ben.page.keyboard.press(',');
  await shoot(ben, 'call-settings-dark');
  await ben.page.keyboard.press('Escape');
  await ben.page.keyboard.press('?');
  await shoot(ben, 'call-shortcuts-dark');
  await ben.page.keyboard.press('Escape');
  await anne.press('camera-button');
  await anne.people();
  await anne.press(`mute-${ben.id}`);
  await shoot(ben, 'call-muted-by-moderator-dark');
  await anne.press('participants-button');
  await shoot(anne, 'call-own-camera-off');
  await ben.leave();
  await ben.on('ended-left').waitFor();
  await shoot(ben, 'ended-left-dark');
});

await scene('wall', async (stage, shoot) => {
  const anne = await stage.person(face(0, { name: 'Meeting room 3', ...WALL }));
  for (const [index, name] of [[1, 'Ben Okafor'], [2, 'Clara Jiménez-Hansen'], [3, 'David']]) await stage.person(face(index, { name }));
  await shoot(anne, 'wall-4');
});

await scene('quality', async (stage, shoot) => {
  const anne = await stage.person(face(0, { name: 'Anne Marchand', busy: true }));
  const ben = await stage.person(face(1, { name: 'Ben Okafor', busy: true }));
  const clara = await stage.person(face(2, { name: 'Clara Jiménez-Hansen', ...PHONE, ...DARK }));
  const told = (person, id, attribute) => person.page.locator(`[data-testid=tile-${id}][${attribute}]`).waitFor();
  const largest = (person, id) => person.until('the large picture', (one) => document.querySelector(`video[data-participant="${one}"]`)?.videoWidth === 640, id);
  await largest(anne, ben.id);
  await anne.room((room) => room.setDownlink({ maxBps: 180_000 }));
  await anne.page.locator(`[data-testid=low-${ben.id}]`).waitFor().catch(() => undefined);
  await shoot(anne, 'quality-low');
  for (const person of [anne, clara]) await person.room((room) => room.setDownlink({ maxBps: 40_000 }));
  await told(anne, ben.id, 'data-paused=bandwidth');
  await told(clara, ben.id, 'data-paused=bandwidth');
  await shoot(anne, 'quality-paused');
  await shoot(clara, 'quality-paused-phone-dark');
  await anne.press('layout-button');
  await shoot(anne, 'quality-paused-speaker');
  await anne.room((room) => room.setDownlink({}));
  await anne.page.keyboard.press(',');
  await anne.on('connection-facts').locator('summary').click();
  await anne.page.evaluate(() => window.lab.wait(45));
  await anne.on('connection-facts').scrollIntoViewIfNeeded();
  await shoot(anne, 'quality-facts');
});

await scene('lost', async (stage, shoot) => {
  const cable = await stage.cable();
  const anne = await stage.person(face(0, { name: 'Anne Marchand', url: cable.url }));
  const ben = await stage.person(face(1, { name: 'Ben Okafor', ...DARK }));
  const clara = await stage.person(face(2, { name: 'Clara', ...PHONE, url: cable.url }));
  for (const person of [anne, ben, clara]) await person.until('two pictures have come', () => document.querySelectorAll('video').length === 3);
  await anne.page.evaluate(() => window.lab.wait(30));
  cable.unplug();
  await anne.on('reconnecting').waitFor();
  await clara.on('reconnecting').waitFor();
  await shoot(anne, 'lost-reconnecting');
  await shoot(clara, 'lost-reconnecting-phone');
  await ben.page.locator(`[data-testid=tile-${anne.id}] .state`).waitFor();
  await shoot(ben, 'lost-somebody-else-dark');
  cable.plug();
  await anne.on('reconnecting').waitFor({ state: 'detached' });
  await shoot(anne, 'lost-restored');
  await anne.page.evaluate(() => window.lab.wait(60));
  await shoot(anne, 'lost-restored-later');
});

await scene('gone', async (stage, shoot) => {
  const own = await stage.ownServer({ DRAIN_S: '20' });
  const clara = await stage.visitor(face(2, { name: 'Clara' }));
  const anne = await stage.person(face(0, { name: 'Anne Marchand' }));
  const stopping = own.stop();
  await anne.on('draining').waitFor();
  await shoot(anne, 'gone-draining');
  await own.kill();
  await stopping;
  await clara.on('name-input').fill('Clara');
  await clara.press('join-button');
  await clara.on('join-error').waitFor();
  await shoot(clara, 'gone-join-error');
});

await browsers.stop();
await server.stop();
