/**
 * Plays the scenes, one after the other, with real browsers against the real server.
 *
 *   node run.js                 all of them
 *   node run.js mute codecs     those whose file is named so
 */
import { readdirSync } from 'node:fs';
import { Browsers } from './lib/browsers.js';
import { Report } from './lib/report.js';
import { findBinary, Server } from './lib/server.js';
import { Stage } from './lib/stage.js';

const wanted = process.argv.slice(2);
const files = readdirSync(new URL('scenes/', import.meta.url)).filter((file) => file.endsWith('.js')).sort()
  .filter((file) => wanted.length === 0 || wanted.some((word) => file.includes(word)));
if (files.length === 0) {
  console.error(`no scene is named ${wanted.join(' or ')}`);
  process.exit(2);
}

const began = Date.now();
const report = new Report();
const browsers = new Browsers();
let server = null;

async function play() {
  if (!(await browsers.canHear('firefox'))) {
    report.say('pulseaudio is not installed: Firefox cannot hear here, and its row is missing in all hearing tables (apt install pulseaudio)');
  }
  report.say(`the server is ${findBinary()}`);
  server = await Server.start();
  for (const file of files) {
    const { name, scene } = await import(new URL(`scenes/${file}`, import.meta.url));
    const stage = new Stage({ server, browsers, report, name });
    report.scene(name);
    try {
      await scene(stage);
    } catch (error) {
      // Outside of a step: the setting itself broke.
      await report.step('the scene can be set up', () => { throw error; }, stage);
    } finally {
      await stage.close();
    }
  }
}

async function tidy() {
  await browsers.stop();
  await server?.stop();
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void tidy().then(() => process.exit(130)));

try {
  await play();
} catch (error) {
  report.failed += 1;
  report.say(error.stack ?? String(error));
} finally {
  await tidy();
}
report.say(`${((Date.now() - began) / 1000).toFixed(0)} s`);
report.end();
process.exit(report.failed === 0 ? 0 : 1);
