/** Changes of data objects: a path of names with dots between, and what is there from now on. */
import { type Body, memberOf, textOf } from '../api.js';

export type Data = Record<string, unknown>;

/** A change, as it travels to `<object>/changes`. */
export interface Change {
  readonly attribute: string;
  /** Nothing: it is taken away. */
  readonly value?: unknown;
  /** Elements of a list; the last name of the path is where. */
  readonly list?: 'add' | 'remove' | 'update';
}

/** Longest path, in names. */
const MOST_NAMES = 16;
/** Longest list that a change makes. */
const MOST_ELEMENTS = 1_000;

/** Names by which an object would become something else than data. */
const isName = (name: string): boolean => name !== '' && name !== '__proto__' && name !== 'constructor' && name !== 'prototype';

/** The change in the body of an update, if it is one. */
export function readChange(body: Body | undefined): Change | undefined {
  const attribute = textOf(body, 'attribute');
  if (attribute === undefined) return undefined;
  const value = memberOf(body, 'value');
  const operation = memberOf(body, 'operation');
  const list = memberOf(body, 'attributeType') !== 'array' ? undefined : operation === 'add' || operation === 'remove' ? operation : 'update';
  return { attribute, ...(value === undefined ? {} : { value }), ...(list === undefined ? {} : { list }) };
}

/** Makes a change; `false` where there is no such place. */
export function apply(data: Data, { attribute, value, list }: Change): boolean {
  const names = attribute.split('.');
  const last = names.pop();
  if (last === undefined || names.length >= MOST_NAMES || !isName(last)) return false;
  let place: unknown = data;
  for (const name of names) {
    if (!isName(name) || typeof place !== 'object' || place === null || !Object.prototype.hasOwnProperty.call(place, name)) return false;
    place = (place as Data)[name];
  }
  if (typeof place !== 'object' || place === null) return false;
  if (Array.isArray(place)) return applyToList(place, Number(last), value, list ?? 'update');
  if (value === undefined) delete (place as Data)[last];
  else (place as Data)[last] = clone(value);
  return true;
}

function applyToList(place: unknown[], at: number, value: unknown, operation: 'add' | 'remove' | 'update'): boolean {
  if (!Number.isInteger(at) || at < 0 || at > place.length) return false;
  const some = Array.isArray(value) ? value : [value];
  switch (operation) {
    case 'add':
      if (place.length + some.length > MOST_ELEMENTS) return false;
      place.splice(at, 0, ...some.map(clone));
      return true;
    case 'remove':
      // How many of them.
      place.splice(at, typeof value === 'number' ? value : 1);
      return true;
    case 'update':
      if (at >= MOST_ELEMENTS) return false;
      place[at] = clone(value);
      return true;
  }
}

/** A copy of data: what was sent is not changed afterwards. */
export function clone<T>(value: T): T {
  return value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T);
}
