/** The server under test: the real binary, on ports of its own, its log in a file. */
import { spawn } from 'node:child_process';
import http from 'node:http';
import https from 'node:https';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { favour } from './favour.js';
import { freePort, freeRange } from './ports.js';
import { until } from './until.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const RESULTS = fileURLToPath(new URL('../test-results/', import.meta.url));
/** Two, so that people of one call may sit on different ones. */
const WORKERS = 2;

let binary = null;

/** `$COLLOQUY_BIN`, or the newer of what cargo built: one and the same for the whole run. */
export function findBinary() {
  binary ??= process.env.COLLOQUY_BIN ?? newestBuild();
  return binary;
}

function newestBuild() {
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
  const built = ['release', 'debug'].map((profile) => join(target, profile, 'colloquy')).filter(existsSync);
  built.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  if (built.length === 0) throw new Error(`no colloquy binary in ${target}: cargo build -p colloquy-server, or set COLLOQUY_BIN`);
  return built[0];
}

export class Server {
  #child = null;

  constructor(name, port, mediaPort, settings) {
    this.port = port;
    this.mediaPort = mediaPort;
    this.workers = WORKERS;
    this.secure = settings.HTTP__DEV_TLS === 'true';
    // By name: Firefox takes no certificate exception for a bare address.
    this.url = this.secure ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
    this.log = join(RESULTS, `${name}.log`);
    this.settings = settings;
  }

  /**
   * @param {Record<string, string> | ((port: number) => Record<string, string>)} settings configuration by environment name without its prefix:
   * `DRAIN_S`, `HTTP__LISTEN`; or what makes it of the port of its pages.
   */
  static async start(name = 'server', settings = {}) {
    mkdirSync(RESULTS, { recursive: true });
    const port = await freePort();
    const server = new Server(name, port, await freeRange(WORKERS), typeof settings === 'function' ? settings(port) : settings);
    rmSync(server.log, { force: true });
    try {
      await server.up();
      await server.#expectPage();
    } catch (error) {
      await server.kill();
      throw error;
    }
    return server;
  }

  get running() {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it, also again, on the same ports. */
  async up() {
    const settings = {
      HTTP__LISTEN: `127.0.0.1:${this.port}`, MEDIA__PORT: String(this.mediaPort), MEDIA__WORKERS: String(WORKERS),
      // Firefox asks nothing of 127.0.0.1, so the addresses of the interfaces are offered too, which is the default.
      MEDIA__PIN: 'false', DRAIN_S: '0', ...this.settings,
    };
    const env = { ...process.env };
    for (const [key, value] of Object.entries(settings)) env[`COLLOQUY__${key}`] = value;
    const log = openSync(this.log, 'a');
    this.#child = favour(spawn(findBinary(), ['serve'], { env, stdio: ['ignore', log, log] }));
    closeSync(log);
    await until(() => `the server is ready; its log:\n${this.tail()}`, async () => {
      if (!this.running) throw new Error('it ended');
      await this.#ready();
      return true;
    });
  }

  /** As if the machine lost power. */
  async kill() {
    await this.#end('SIGKILL');
  }

  async stop() {
    await this.#end('SIGTERM');
  }

  tail(lines = 30) {
    return existsSync(this.log) ? readFileSync(this.log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n') : '(no log)';
  }

  async #ready() {
    const { status } = await this.#get('/readyz');
    if (status !== 200) throw new Error(`/readyz says ${status}`);
  }

  /** Without its page nothing here works, and waiting for what is not there takes long. */
  async #expectPage() {
    const { text } = await this.#get('/');
    if (!text.includes('id="app"')) throw new Error(`${findBinary()} was built without its page: make web, then cargo build -p colloquy-server`);
  }

  /** Unlike `fetch` it takes the certificate that the server made for itself. */
  #get(path) {
    const { get } = this.secure ? https : http;
    return new Promise((resolve, reject) => {
      get(`${this.url}${path}`, { rejectUnauthorized: false }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (piece) => { text += piece; }).on('end', () => resolve({ status: answer.statusCode, text }));
      }).on('error', reject);
    });
  }

  async #end(signal) {
    if (!this.running) return;
    const child = this.#child;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    // One that does not listen is still ended, and that it did not listen is seen in its log.
    const impatience = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(impatience);
  }
}
