/**
 * Who the people of a runtime are, and who others say that they are (reTHINK specs: `identity`). Providers are asked by their proxies, which run
 * in sandboxes; an assertion binds somebody to the key of his runtime.
 */
import { isDomain } from './address.js';
import { configurationOf } from './catalogue.js';
import { type Body, type Message, codeOf, memberOf, textOf } from './message.js';
import { type Ground, Sandbox } from './sandbox.js';

/** Proxies of providers at most, and assertions whose answer is remembered. */
const MOST_PROXIES = 16;
const MOST_REMEMBERED = 256;

/** Has somebody sign in at an address, in a window; gives the address at which the window ended. */
export type SignIn = (url: string) => Promise<string>;

export class Identities {
  private readonly proxies = new Map<string, Promise<Sandbox>>();
  private readonly checked = new Map<string, Promise<string>>();
  private readonly own: string;
  private mine: Body | undefined;

  constructor(private readonly ground: Ground) {
    this.own = `${ground.runtimeURL}/idm`;
  }

  /** Who is signed in, as it goes with messages. */
  get current(): Body | undefined {
    return this.mine;
  }

  /** Signs somebody in with the provider of a domain. Rejects with what the provider says. */
  async signIn(provider: string, signIn: SignIn): Promise<Body> {
    const contents = await publicKey();
    let answer = await this.execute(provider, 'generateAssertion', { contents, origin: this.ground.runtimeURL, usernameHint: '' });
    const loginUrl = textOf(memberOf(answer.body, 'description'), 'loginUrl');
    if (codeOf(answer) === 401 && loginUrl !== undefined) {
      const usernameHint = await signIn(loginUrl);
      answer = await this.execute(provider, 'generateAssertion', { contents, origin: this.ground.runtimeURL, usernameHint });
    }
    const value = memberOf(answer.body, 'value');
    if (codeOf(answer) !== 200 || textOf(value, 'assertion') === undefined) throw new Error(`${provider} did not say who you are: ${said(answer)}`);
    this.mine = { ...(value as Body) };
    return this.mine;
  }

  /** Nobody is signed in any more. */
  signOut(): void {
    this.mine = undefined;
  }

  /**
   * Checks what somebody says who he is. Gives what is left of it: with `trust` "verified" if his provider says so, "unknown" where it cannot be asked,
   * and nothing but his name then. Rejects an assertion that is not good, or of somebody else.
   */
  async check(identity: unknown): Promise<Body | undefined> {
    if (typeof identity !== 'object' || identity === null) return undefined;
    const profile = memberOf(identity, 'userProfile');
    const [assertion, provider] = [textOf(identity, 'assertion'), textOf(memberOf(identity, 'idp'), 'domain')];
    const name = textOf(profile, 'name') ?? textOf(profile, 'preferred_username') ?? '';
    const unknown = { userProfile: { name }, trust: 'unknown' };
    if (assertion === undefined || provider === undefined) return unknown;
    let email: string;
    try {
      email = await this.validate(provider, assertion);
    } catch (error) {
      if (error instanceof Unasked) return unknown;
      throw error;
    }
    const told = textOf(profile, 'email') ?? textOf(profile, 'preferred_username');
    if (told !== email && told !== email.split('@')[0]) throw new Error(`the assertion is of ${email}, and not of ${told ?? 'nobody'}`);
    return { ...(identity as Body), trust: 'verified' };
  }

  /** Ends all proxies. */
  close(): void {
    for (const proxy of this.proxies.values()) proxy.then((proxy) => { proxy.end(); }).catch(() => {});
    this.proxies.clear();
  }

  private validate(provider: string, assertion: string): Promise<string> {
    const key = `${provider} ${assertion}`;
    const known = this.checked.get(key);
    if (known) return known;
    const asked = this.execute(provider, 'validateAssertion', { assertion, origin: this.ground.runtimeURL }).then((answer) => {
      const identity = textOf(memberOf(answer.body, 'value'), 'identity');
      if (codeOf(answer) >= 500 || codeOf(answer) === 408) throw new Unasked(said(answer));
      if (codeOf(answer) !== 200 || identity === undefined) throw new Error(`${provider} does not vouch for this: ${said(answer)}`);
      return identity;
    });
    this.checked.set(key, asked);
    asked.catch(() => { this.checked.delete(key); });
    // The oldest goes first.
    const oldest = this.checked.size > MOST_REMEMBERED ? this.checked.keys().next().value : undefined;
    if (oldest !== undefined) this.checked.delete(oldest);
    return asked;
  }

  private async execute(provider: string, method: string, params: Body): Promise<Message> {
    if (!isDomain(provider)) throw new Unasked(`${provider} is no domain of an identity provider`);
    await this.proxy(provider);
    return this.ground.bus.ask({ type: 'execute', from: this.own, to: `domain-idp://${provider}`, body: { method, params } });
  }

  private proxy(provider: string): Promise<Sandbox> {
    const there = this.proxies.get(provider);
    if (there) return there;
    if (this.proxies.size >= MOST_PROXIES) return Promise.reject(new Unasked('too many identity providers'));
    const made = this.load(provider).catch((error: unknown) => {
      this.proxies.delete(provider);
      throw new Unasked(error instanceof Error ? error.message : String(error));
    });
    this.proxies.set(provider, made);
    return made;
  }

  private async load(provider: string): Promise<Sandbox> {
    const { bus, catalogue, makeSandbox, runtimeURL, domain: own, newId } = this.ground;
    const loaded = await catalogue.loadFor(provider, 'idp-proxy', provider, own);
    const address = `domain-idp://${provider}`;
    const url = `runtime://${own}/idp-proxy/${newId()}`;
    const configuration = configurationOf(loaded, runtimeURL);
    const tenant = { url, code: loaded.code, configuration, owns: (of: string) => of === address, hears: () => false, brought: () => {} };
    const sandbox = await Sandbox.start(makeSandbox, bus, tenant, () => {
      heard.remove();
      this.proxies.delete(provider);
    });
    const heard = bus.listen(address, (message) => { sandbox.hand(message); });
    bus.listen(`${url}/status`, () => {});
    return sandbox;
  }
}

/** A provider could not be asked: it says neither yes nor no. */
class Unasked extends Error {}

function said(answer: Message): string {
  return textOf(answer.body, 'description') ?? textOf(answer.body, 'desc') ?? `code ${codeOf(answer)}`;
}

/** A key that an assertion is bound to, as runtimes write it: the bytes of its SubjectPublicKeyInfo, in brackets. */
async function publicKey(): Promise<string> {
  const kind = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2_048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' };
  const { publicKey } = await crypto.subtle.generateKey(kind, false, ['sign', 'verify']);
  return `[${[...new Uint8Array(await crypto.subtle.exportKey('spki', publicKey))].join(',')}]`;
}
