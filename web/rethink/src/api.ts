/**
 * What runtimes give to what they load, and take from it (specs: `runtime`, `messages`). Every field of a message is from outside.
 */

/** A message on a bus. */
export interface Message {
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

/** The bus of the sandbox in which we run. */
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

/** Something that has to be there, with the cause where it is not. */
export function needed(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`${name} is missing: the descriptor's configuration or the runtime has to give it`);
  return value;
}
