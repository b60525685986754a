/** Descriptors and code out of the catalogues of domains (reTHINK specs: `descriptors`; paths of `dev-catalogue`). */
import { isDomain } from './address.js';
import { type Configuration, memberOf, textOf } from './message.js';

/** What is used of `fetch`. */
export type Fetch = (url: string, init: { method: string; headers: Record<string, string>; body?: string; credentials: 'omit'; redirect: 'error' }) => Promise<{
  readonly ok: boolean;
  readonly status: number;
  text(): Promise<string>;
}>;

/** Types of objects that a runtime loads. */
export type Kind = 'hyperty' | 'protocolstub' | 'idp-proxy' | 'dataschema';

/** An object of a catalogue. */
export interface Loaded {
  /** Where it is, as `hyperty-catalogue://…`. */
  readonly url: string;
  readonly name: string;
  /** The domain whose catalogue gave it. */
  readonly domain: string;
  readonly descriptor: Record<string, unknown>;
  readonly code: string;
}

export interface CatalogueOptions {
  readonly fetch: Fetch;
  /** The address of a domain's catalogue, without a slash at the end; `https://catalogue.<domain>` where it is not given. */
  readonly at?: (domain: string) => string | undefined;
  /** What we can do, for objects of which there are several. */
  readonly capabilities: Record<string, boolean>;
}

/** The longest descriptor, and the longest code with what belongs to it, in characters. */
const MOST_DESCRIPTOR = 1 << 20;
const MOST_PACKAGE = 24 << 20;
const SCHEME = 'hyperty-catalogue://';

/** A catalogue has not what is asked for, or cannot be reached. */
export class NotLoaded extends Error {
  override readonly name = 'NotLoaded';
}

export class Catalogue {
  constructor(private readonly options: CatalogueOptions) {}

  /** Loads an object by its type and name; `default` is the one that the domain chose. */
  async load(domain: string, kind: Kind, name: string): Promise<Loaded> {
    if (!isDomain(domain)) throw new NotLoaded(`${domain} is no domain`);
    if (!/^[-\w.@+~]{1,128}$/.test(name)) throw new NotLoaded(`${name} is no name of an object`);
    const at = `${this.base(domain)}/.well-known/${kind}/${encodeURIComponent(name)}`;
    // Asked with what we can do, as there may be several of a name.
    const constraints = { constraints: this.options.capabilities };
    const text = await this.text(at, MOST_DESCRIPTOR, JSON.stringify(constraints)).catch(() => this.text(at, MOST_DESCRIPTOR));
    const descriptor = asObject(text, at);
    const named = textOf(descriptor, 'objectName') ?? name;
    const code = await this.code(domain, kind, named, descriptor);
    return { url: `${SCHEME}catalogue.${domain}/.well-known/${kind}/${named}`, name: named, domain, descriptor, code };
  }

  /** The same; where the domain has none, the one of `own` that bears its name. */
  async loadFor(domain: string, kind: Kind, name: string, own: string): Promise<Loaded> {
    try {
      return await this.load(domain, kind, name);
    } catch (error) {
      if (domain === own) throw error;
      // Why the domain has none says more than why ours has not.
      return this.load(own, kind, domain).catch(() => { throw error; });
    }
  }

  /** Loads what an address such as `hyperty-catalogue://catalogue.d/.well-known/hyperty/Chat` names. */
  async loadFrom(url: string, kind: Kind): Promise<Loaded> {
    const match = /^(?:hyperty-catalogue|https):\/\/catalogue\.([^/]+)\/\.well-known\/([^/]+)\/([^/]+)$/.exec(url);
    if (!match || match[2] !== kind) throw new NotLoaded(`${url} is not the address of a ${kind}: ${SCHEME}catalogue.<domain>/.well-known/${kind}/<name>`);
    return this.load(match[1] ?? '', kind, decodeURIComponent(match[3] ?? ''));
  }

  private base(domain: string): string {
    return this.options.at?.(domain) ?? `https://catalogue.${domain}`;
  }

  private async code(domain: string, kind: Kind, name: string, descriptor: Record<string, unknown>): Promise<string> {
    const inline = memberOf(descriptor, 'sourcePackage');
    const at = this.packageAt(domain, kind, name, textOf(descriptor, 'sourcePackageURL'));
    const found = typeof inline === 'object' && inline !== null ? inline : asObject(await this.text(at, MOST_PACKAGE), at);
    const [code, encoding] = [textOf(found, 'sourceCode'), textOf(found, 'encoding') ?? ''];
    if (code === undefined) throw new NotLoaded(`${at} has no sourceCode`);
    return encoding.toLowerCase() === 'base64' ? fromBase64(code, at) : code;
  }

  /** Where the code is: at the same catalogue, or elsewhere within the same domain. */
  private packageAt(domain: string, kind: Kind, name: string, told: string | undefined): string {
    const own = this.base(domain);
    const beside = `${own}/.well-known/${kind}/${encodeURIComponent(name)}/sourcePackage`;
    if (told === undefined || told === '') return beside;
    let url: URL;
    try {
      url = new URL(told.startsWith(SCHEME) ? `https://${told.slice(SCHEME.length)}` : told);
    } catch {
      throw new NotLoaded(`${told} is no address of code`);
    }
    // It names itself by a host name of its own, which need not be the one that we know it by.
    if (url.hostname === `catalogue.${domain}` || url.host === new URL(own).host) return `${own}${url.pathname}`;
    if (url.protocol !== 'https:' || !(url.hostname === domain || url.hostname.endsWith(`.${domain}`))) {
      throw new NotLoaded(`the code of ${kind}/${name} is at ${url.host}, which is not of ${domain}`);
    }
    return url.href;
  }

  private async text(url: string, most: number, body?: string): Promise<string> {
    let answer;
    try {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' };
      const init = { method: body === undefined ? 'GET' : 'POST', headers, credentials: 'omit', redirect: 'error', ...(body === undefined ? {} : { body }) } as const;
      answer = await this.options.fetch(url, init);
    } catch (error) {
      throw new NotLoaded(`${url} cannot be reached: ${String(error)}`);
    }
    const text = await answer.text();
    if (!answer.ok) throw new NotLoaded(`${url} says ${answer.status}: ${text.slice(0, 200)}`);
    if (text.length > most) throw new NotLoaded(`${url} is longer than ${most} characters`);
    return text;
  }
}

/** What code is started with. */
export function configurationOf({ descriptor }: Loaded, runtimeURL: string): Configuration {
  const told = memberOf(descriptor, 'configuration');
  return { ...(typeof told === 'object' ? told : {}), runtimeURL };
}

function asObject(text: string, at: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new NotLoaded(`${at} is no JSON: ${text.slice(0, 100)}`);
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  // A catalogue of the originals says so what went wrong.
  if (!isObject || memberOf(value, 'ERROR') !== undefined) throw new NotLoaded(`${at} has no such object`);
  return value as Record<string, unknown>;
}

function fromBase64(text: string, at: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(text), (char) => char.charCodeAt(0)));
  } catch {
    throw new NotLoaded(`the code at ${at} is not base64, as it says`);
  }
}
