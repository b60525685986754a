/**
 * Messages as hyperties, stubs and runtimes exchange them, and what a runtime gives to what it loads (reTHINK specs: `messages`, `runtime`).
 * Every field of a message is from outside.
 */

/** A message on a bus. */
export interface Message {
  /** Unique for each sender; an answer repeats it. */
  id?: number | string;
  type: string;
  from: string;
  to: string | string[];
  body?: Body;
}

/** What a message says. */
export type Body = Record<string, unknown>;

/** Something that can be taken back. */
export interface Listener {
  remove(): void;
}

/** The bus of the sandbox in which something runs. */
export interface Bus {
  /** `'*'` hears all that nobody else listens to. */
  addListener(address: string, listener: (message: Message) => void): Listener;
  /** Sends a message, and gives it an id if it has none. An answer, or 408 after some seconds, goes to `answered`. */
  postMessage(message: Message, answered?: (answer: Message) => void, timeout?: boolean): unknown;
}

/** What a descriptor's `configuration` says, and what the runtime adds. */
export interface Configuration {
  runtimeURL: string;
  [name: string]: unknown;
}

/** What runtimes call after they evaluated code. */
export type Activate<T> = (url: string, bus: Bus, configuration: Configuration) => { name: string; instance: T };

/** `body.code` of an answer; whatever is no number is a failure. */
export function codeOf(message: Message): number {
  const code = message.body?.['code'];
  return typeof code === 'number' ? code : 500;
}

/** A member that is text. */
export function textOf(of: unknown, name: string): string | undefined {
  const value = memberOf(of, name);
  return typeof value === 'string' ? value : undefined;
}

/** A member of something that may be no object. */
export function memberOf(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? (of as Record<string, unknown>)[name] : undefined;
}

/** Texts of a list; what is no list has none. */
export function textsOf(of: unknown, name: string): string[] {
  const value = memberOf(of, name);
  return Array.isArray(value) ? (value as unknown[]).filter((one) => typeof one === 'string') : [];
}

/** Something that has to be there, with the cause where it is not. */
export function needed(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`${name} is missing: the descriptor's configuration or the runtime has to give it`);
  return value;
}

/** What came from a sandbox or a node as a message; `undefined` for what is none. */
export function asMessage(value: unknown): Message | undefined {
  const [type, from, to, id, body] = ['type', 'from', 'to', 'id', 'body'].map((name) => memberOf(value, name));
  const isAddressed = typeof to === 'string' || (Array.isArray(to) && to.every((one) => typeof one === 'string'));
  const hasBody = body === undefined || (typeof body === 'object' && body !== null && !Array.isArray(body));
  const hasId = id === undefined || typeof id === 'number' || typeof id === 'string';
  return typeof type === 'string' && typeof from === 'string' && isAddressed && hasBody && hasId ? (value as Message) : undefined;
}

/** The answer to a message. */
export function answerTo(message: Message, body: Body, from = String(message.to)): Message {
  return { ...(message.id === undefined ? {} : { id: message.id }), type: 'response', from, to: message.from, body };
}
