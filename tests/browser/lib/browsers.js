/** The two engines: one process each for the whole run, started when first asked for. */
import { readFileSync } from 'node:fs';
import { chromium, firefox } from 'playwright-core';
import { startPulse } from './pulse.js';

const LAB = readFileSync(new URL('../lab/lab.js', import.meta.url), 'utf8');

const CHROMIUM_FLAGS = [
  '--no-sandbox', // the tests may run as root
  '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', '--autoplay-policy=no-user-gesture-required',
  '--disable-gpu', '--disable-background-networking', '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
];

const FIREFOX_PREFS = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.peerconnection.identity.enabled': true,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  // A first run asks the network for this and that; there is none to ask.
  'app.normandy.enabled': false, 'browser.safebrowsing.update.enabled': false, 'network.captive-portal-service.enabled': false,
};

export class Browsers {
  #running = new Map();
  #pulse;

  /**
   * @param {'chromium' | 'firefox'} kind
   * @param {string} trials Chromium's field trials; those who have others are another process.
   */
  launch(kind, trials = '') {
    const which = `${kind} ${trials}`;
    if (!this.#running.has(which)) {
      this.#running.set(which, this.#start(kind, trials).then((browser) => {
        // One that crashed costs its scene, and no more.
        browser.once('disconnected', () => this.#running.delete(which));
        return browser;
      }));
    }
    return this.#running.get(which);
  }

  /** Whether pages of this engine can hear: Firefox needs a sound server. */
  async canHear(kind) {
    return kind === 'chromium' || (await this.#sound()) !== null;
  }

  /**
   * A context of its own, which is a person with a machine of their own, with the lab in every page.
   * @param {{ kind?: 'chromium' | 'firefox', index?: number, devices?: string, busy?: boolean, voice?: boolean, script?: string, granted?: boolean, trials?: string }} options
   *   `script` runs after the lab and before the page; `granted`: whether the browser knows of a permission (without one
   *   Chromium hides its addresses behind mDNS names).
   */
  async context({ kind = 'chromium', index = 0, devices = 'ok', busy = false, voice = false, script = '', granted = true, trials = '', ...rest } = {}) {
    const browser = await this.launch(kind, trials);
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, ignoreHTTPSErrors: true, ...rest });
    await context.addInitScript({ content: `(${LAB})(${JSON.stringify({ index, devices, busy, voice })});\n${script}` });
    if (kind === 'chromium' && granted) await context.grantPermissions(['microphone', 'camera', 'clipboard-read', 'clipboard-write']);
    return context;
  }

  async stop() {
    await Promise.all([...this.#running.values()].map(async (browser) => (await browser).close().catch(() => undefined)));
    (await this.#pulse)?.stop();
  }

  #sound() {
    this.#pulse ??= startPulse();
    return this.#pulse;
  }

  async #start(kind, trials) {
    if (kind === 'chromium') {
      const args = trials === '' ? CHROMIUM_FLAGS : [...CHROMIUM_FLAGS, `--force-fieldtrials=${trials}`];
      return chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args });
    }
    const sound = await this.#sound();
    return firefox.launch({
      channel: 'moz-firefox', executablePath: '/usr/bin/firefox-esr', headless: true,
      firefoxUserPrefs: FIREFOX_PREFS, env: { ...process.env, ...sound?.env },
    });
  }
}
