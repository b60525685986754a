/** Where a scene plays: its server, its people, its steps. Everything that it opened is closed with it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Person } from './person.js';
import { RESULTS, Server } from './server.js';
import { sleep } from './until.js';
import { Cable, Router } from './wires.js';

const NAMES = ['Anne', 'Ben', 'Clara', 'David', 'Emma'];
/** Pages at once: more than this the machine does not carry in real time. */
const MOST_PEOPLE = 4;

export class Stage {
  #closing = [];
  #report;
  people = [];

  constructor({ server, browsers, report, name }) {
    Object.assign(this, { server, browsers, name });
    this.#report = report;
    /** A room for this scene alone. */
    this.room = name.toLowerCase().replace(/[^a-z0-9]+/g, '-').slice(0, 60);
  }

  /** Counts as one test. After one that failed, the rest of the scene is not played. */
  step(name, play) {
    return this.#report.step(name, play, this);
  }

  say(text) {
    this.#report.say(text);
  }

  /**
   * Somebody at the lobby.
   * @param {{ kind?: 'chromium' | 'firefox', name?: string, url?: string, query?: string }} options and those of `Browsers.context`.
   */
  async visitor({ query = '', ...options } = {}) {
    const person = await this.#enter(options);
    await person.open(query);
    return person;
  }

  /** Somebody in the call. */
  async person(options = {}) {
    const person = await this.visitor(options);
    await person.join(options.room ?? this.room);
    return person;
  }

  /** An empty page of the server's origin, for those who do without our page. `labConnections` holds its connections. */
  async stranger({ kind = 'chromium', index = this.people.length, name = NAMES[index], granted = false, ...rest } = {}) {
    const person = await this.#enter({ kind, name, index, granted, ...rest });
    await person.page.route('**/lab-page', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>lab</title>' }));
    await person.page.goto(`${person.url}/lab-page`);
    await person.page.evaluate(() => { window.labConnections = []; });
    return person;
  }

  async cable() {
    const cable = await Cable.lay(this.server);
    this.#closing.push(() => cable.close());
    return cable;
  }

  async router(host) {
    const router = await Router.build(this.server, host);
    this.#closing.push(() => router.close());
    return router;
  }

  /** Something else that ends with the scene. */
  onClose(close) {
    this.#closing.push(close);
  }

  /** A server for this scene alone, to be mistreated. */
  async ownServer(settings) {
    const server = await Server.start(this.room, settings);
    this.#closing.push(() => server.stop());
    this.server = server;
    return server;
  }

  /** Forgets somebody who is of no further interest. */
  async gone(person) {
    this.people = this.people.filter((one) => one !== person);
    await person.context.close();
  }

  /** What everybody saw, for whoever reads the failure. */
  async evidence() {
    const folder = join(RESULTS, this.room);
    mkdirSync(folder, { recursive: true });
    const lines = [];
    for (const person of this.people) {
      const file = join(folder, `${person.name}.png`);
      await person.page.screenshot({ path: file, timeout: 5_000 }).then(() => lines.push(`${person.name} saw ${file}`), () => undefined);
      lines.push(...person.complaints.slice(-5).map((text) => `${person.name}'s page: ${text}`));
      lines.push(await sentBy(person));
    }
    return [...lines, await this.#figures(), `server log (${this.server.log}):`, this.server.tail()].join('\n');
  }

  /** What the server measured of the scene's room, where it still answers. */
  async #figures() {
    try {
      const response = await fetch(`${this.server.url}/api/v1/rooms/${this.room}/stats`, { signal: AbortSignal.timeout(2_000) });
      return `figures of the room: ${await response.text()}`;
    } catch (error) {
      return `no figures of the room: ${error.message}`;
    }
  }

  async #enter({ kind = 'chromium', index = this.people.length, name = NAMES[index], url = this.server.url, ...rest }) {
    if (this.people.length >= MOST_PEOPLE) throw new Error(`more than ${MOST_PEOPLE} people in one scene`);
    const context = await this.browsers.context({ kind, index, ...rest });
    this.#closing.push(() => context.close());
    const page = await context.newPage();
    const person = new Person({ page, context, kind, index, name, url, canHear: await this.browsers.canHear(kind) });
    this.people.push(person);
    return person;
  }

  async close() {
    for (const close of this.#closing.reverse()) await Promise.resolve(close()).catch(() => undefined);
  }
}

/** What somebody's browser says of the pictures that it sends, and of what holds them back. */
async function sentBy(person) {
  const asked = person.page.evaluate(async () => {
    const stats = await window.lab.stats();
    const paths = stats.filter(({ type, nominated }) => type === 'candidate-pair' && nominated);
    return {
      sent: stats.filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video')
        .map(({ rid, active, frameWidth, framesPerSecond, framesEncoded, targetBitrate, qualityLimitationReason }) => ({ rid, active, frameWidth, framesPerSecond, framesEncoded, targetBitrate, qualityLimitationReason })),
      uplink: paths.map(({ availableOutgoingBitrate, currentRoundTripTime }) => ({ availableOutgoingBitrate, currentRoundTripTime })),
    };
  });
  const text = await Promise.race([asked, sleep(2_000)]).then((told) => JSON.stringify(told), (error) => error.message);
  return `${person.name} sends ${text}`;
}
