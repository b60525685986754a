/// <reference types="node" />
/** A hyperty runtime for Node. */
import { type ChildProcess, spawn } from 'node:child_process';
import { HypertyRuntime, type RuntimeOptions } from './runtime.js';
import { inside } from './inside.js';
import type { Wire } from './sandbox.js';

export * from './index.js';

/** A runtime in a process of Node. Code of others runs in processes that may read no file and start nothing. */
export function nodeRuntime(options: Pick<RuntimeOptions, 'domain' | 'catalogueAt' | 'onStatus'>): HypertyRuntime {
  return new HypertyRuntime({ ...options, sandbox: processSandbox, capabilities: { node: true }, fetch: (url, init) => fetch(url, init) });
}

/**
 * A process without our environment, that Node's permission model keeps from files, processes, workers and addons; what runs in it sees what workers of
 * browsers have, and no `require`. It can open connections: stubs are there for that.
 */
export function processSandbox(): Wire {
  const script = `const take = (${inside.toString()})({
    send: (words) => { process.send(words); },
    evaluate: (code) => {
      const vm = require('node:vm');
      const given = { WebSocket, fetch, URL, URLSearchParams, TextEncoder, TextDecoder, crypto, atob, btoa, structuredClone,
        setTimeout, clearTimeout, setInterval, clearInterval, queueMicrotask, console, location: { origin: 'null' } };
      given.self = given; given.globalThis = given;
      const context = vm.createContext(given);
      vm.runInContext(code, context);
      return context.activate;
    },
  });
  process.on('message', take);
  process.on('disconnect', () => process.exit());`;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const permission = major > 23 || (major === 23 && minor >= 5) || (major === 22 && minor >= 13) ? '--permission' : '--experimental-permission';
  // From 25 on the network is among what has to be allowed.
  const network = major >= 25 ? ['--allow-net'] : [];
  const flags = [permission, ...network, '--no-warnings', ...(major < 22 ? ['--experimental-websocket'] : []), '-e', script];
  const child: ChildProcess = spawn(process.execPath, flags, { env: {}, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  let why = '';
  const wire: Wire = {
    send: (words) => { if (child.connected) child.send(words); },
    end: () => { child.kill('SIGKILL'); },
    onwords: () => {},
    onend: () => {},
  };
  child.on('message', (words) => { wire.onwords(words); });
  child.on('error', (error) => { why = error.message; });
  child.on('exit', (code, signal) => { wire.onend(why || `its process ended with ${signal ?? code}`); });
  return wire;
}
