/**
 * A bad network between one person and the server: `colloquy-bench impair`, one process for each of the server's media ports. Only
 * this person's media goes through it; the page and its WebSocket do not.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import http from 'node:http';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { favour } from './favour.js';
import { findBinary } from './server.js';
import { DEADLINE_MS, sleep } from './until.js';
import { onlyCandidates } from './wires.js';

export class Impairment {
  #relays = [];
  #host;

  /** Closed with the stage. Until `set` it carries everything at once. */
  static async start(stage) {
    const impairment = new Impairment();
    stage.onClose(() => impairment.close());
    // Firefox asks nothing of 127.0.0.1.
    impairment.#host = Object.values(networkInterfaces()).flat().find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
    for (let n = 0; n < stage.server.workers; n++) await impairment.#relay(stage.server.mediaPort + n);
    return impairment;
  }

  /** A script for the page: all that it knows of the server is us. */
  get script() {
    const ports = Object.fromEntries(this.#relays.map(({ target, port }) => [target, port]));
    return onlyCandidates({ protocol: 'udp', host: this.#host, ports });
  }

  /** @param {{ up?: object, down?: object }} wish as `colloquy-bench impair` takes it: rate_bps (0: unlimited), queue_ms, loss, delay_ms, … */
  async set(wish) {
    await Promise.all(this.#relays.map(({ control }) => ask(control, 'POST', '/link', wish)));
  }

  /** What became of the datagrams, for the report. */
  async stats() {
    return (await Promise.all(this.#relays.map(({ control }) => ask(control, 'GET', '/stats')))).map((text) => JSON.parse(text)).flat();
  }

  close() {
    for (const { child } of this.#relays) child.kill();
  }

  async #relay(target) {
    const args = ['impair', '--listen', `${this.#host}:0`, '--to', `${this.#host}:${target}`, '--control', '127.0.0.1:0'];
    const child = favour(spawn(findBench(), args, { stdio: ['ignore', 'pipe', 'inherit'] }));
    const relay = { target, child };
    this.#relays.push(relay);
    const line = await Promise.race([
      new Promise((resolve, reject) => {
        createInterface({ input: child.stdout }).once('line', resolve);
        child.once('exit', (code) => reject(new Error(`colloquy-bench impair ended with ${code}`)));
        child.once('error', reject);
      }),
      sleep(DEADLINE_MS).then(() => { throw new Error('colloquy-bench impair does not tell its ports'); }),
    ]);
    const { listen, control } = JSON.parse(line);
    relay.port = Number(listen[0].split(':').at(-1));
    relay.control = control;
  }
}

/** `$COLLOQUY_BENCH_BIN`, or what was built beside the server. */
function findBench() {
  const bench = process.env.COLLOQUY_BENCH_BIN ?? join(dirname(findBinary()), 'colloquy-bench');
  if (!existsSync(bench)) throw new Error(`no ${bench}: cargo build -p colloquy-bench, or set COLLOQUY_BENCH_BIN`);
  return bench;
}

function ask(address, method, path, body) {
  const [host, port] = [address.slice(0, address.lastIndexOf(':')), address.slice(address.lastIndexOf(':') + 1)];
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, method, path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => { text += part; }).on('end', () => {
        if (response.statusCode < 300) resolve(text);
        else reject(new Error(`the relay says ${response.statusCode}: ${text}`));
      });
    });
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
