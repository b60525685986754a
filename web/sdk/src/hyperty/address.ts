/** Addresses: `scheme://domain/identity` (reTHINK specs: `datamodel/address`). */

export interface Address {
  readonly scheme: string;
  /** The domain whose message node knows the address, without the label of what answers there. */
  readonly domain: string;
  /** What follows the domain, without its first slash. */
  readonly path: string;
}

const SHAPE = /^([a-z][a-z0-9+.-]{0,31}):\/\/([-a-zA-Z0-9@:%._+~#=]{1,256})(?:\/(.*))?$/s;
/** Labels of what a domain has beside people and hyperties: their messages go to the node of the domain itself. */
const LABELS = ['msg-node.', 'registry.', 'catalogue.'];
/** Longest address that is taken for one. */
const MOST_LENGTH = 2_048;

/** Reads an address; `undefined` for what is none. */
export function readAddress(text: string): Address | undefined {
  const match = text.length <= MOST_LENGTH ? SHAPE.exec(text) : null;
  if (!match) return undefined;
  const [, scheme = '', host = '', path = ''] = match;
  const label = LABELS.find((label) => host.startsWith(label) && host.length > label.length);
  return { scheme, domain: host.slice(label?.length ?? 0).toLowerCase(), path };
}

/** The domain of whoever has an address; `undefined` where only the runtime's own domain can know it, as with `global://registry`. */
export function domainOf(text: string): string | undefined {
  const address = readAddress(text);
  return address && address.scheme !== 'global' && address.scheme !== 'user-guid' ? address.domain : undefined;
}

/** Whether an address is another, or below it. */
export function isWithin(text: string, owner: string): boolean {
  return text === owner || text.startsWith(owner.endsWith('/') ? owner : `${owner}/`);
}

/** Lower-case letters, digits and dashes with dots: what may be asked for a catalogue. */
export function isDomain(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/.test(text);
}
