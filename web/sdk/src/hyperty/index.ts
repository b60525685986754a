/** A hyperty runtime for browsers; `@colloquy/sdk/hyperty/node` is one for Node. */
import { type HypertyRuntime as Runtime, HypertyRuntime, type RuntimeOptions } from './runtime.js';
import { workerSandbox } from './worker.js';

export { type Address, domainOf, readAddress } from './address.js';
export { NotLoaded } from './catalogue.js';
export type { SignIn } from './identity.js';
export {
  type Activate, type Body, type Bus, type Configuration, type Listener, type Message, answerTo, asMessage, codeOf, memberOf, needed, textOf, textsOf,
} from './message.js';
export { type Hyperty, HypertyRuntime, type Offers, type RuntimeOptions } from './runtime.js';
export type { MakeSandbox, ToSandbox, Wire } from './sandbox.js';

/** A runtime in a page. Code of others runs in workers that have nothing of the page's origin. */
export function browserRuntime(options: Pick<RuntimeOptions, 'domain' | 'catalogueAt' | 'onStatus'>): Runtime {
  return new HypertyRuntime({ ...options, sandbox: workerSandbox, capabilities: { browser: true }, fetch: (url, init) => fetch(url, init) });
}
