/**
 * The proxy of our identity provider: a runtime asks it, by messages to `domain-idp://<domain>`, for assertions and whether assertions are good.
 * It asks the provider by HTTP, and knows no secret: whoever is to be asserted signs in at the provider, in a window that the runtime opens,
 * unless the runtime is a page of the provider's own origin where he has signed in already.
 */
import { type Body, type Bus, type Configuration, type Message, memberOf, needed, textOf } from '../api.js';

/** What is used of `fetch`. */
export type Fetch = (url: string, init: { method: string; headers: Record<string, string>; body: string; credentials: 'omit' | 'same-origin' }) => Promise<{
  readonly ok: boolean;
  readonly status: number;
  json(): Promise<unknown>;
}>;

/** What a proxy takes from where it runs. */
export interface Surroundings {
  readonly fetch: Fetch;
  /** Of the page that the runtime is in. The provider sends the window back there: the runtime waits until it is on its own origin. */
  readonly origin: string;
}

const BROWSER: Surroundings = {
  fetch: (url, init) => fetch(url, init),
  get origin() { return location.origin; },
};

/** Longest assertion that is sent to the provider. */
const MOST_ASSERTION = 16 * 1024;

/** Nobody is signed in: whoever asked has to open a window at `loginUrl`. */
interface LoginError {
  readonly name: 'IdPLoginError';
  readonly loginUrl: string;
}

class Refused extends Error {
  constructor(readonly code: number, readonly description: LoginError | string) {
    super(typeof description === 'string' ? description : description.name);
  }
}

export class ColloquyIdpProxy {
  private readonly domain: string;
  private readonly provider: string;

  constructor(
    url: string,
    private readonly bus: Bus,
    readonly config: Configuration,
    private readonly surroundings: Surroundings = BROWSER,
  ) {
    this.domain = needed(config['domain'], 'configuration.domain');
    this.provider = new URL(needed(config['provider'], 'configuration.provider, the identity provider\'s address,')).origin;
    const own = `domain-idp://${this.domain}`;
    // A sandbox may have a stub beside us: only what is for us is ours.
    bus.addListener('*', (message) => { if (message.to === own && message.type !== 'response') void this.requested(message); });
    bus.postMessage({ type: 'update', from: url, to: `${url}/status`, body: { value: 'created' } });
  }

  private async requested(message: Message): Promise<void> {
    let body: Body;
    try {
      body = { code: 200, value: await this.answer(textOf(message.body, 'method') ?? '', memberOf(message.body, 'params')) };
    } catch (error) {
      const refused = error instanceof Refused ? error : new Refused(500, String(error));
      body = { code: refused.code, description: refused.description };
    }
    const to = message.from;
    this.bus.postMessage({ ...(message.id === undefined ? {} : { id: message.id }), type: 'response', from: `domain-idp://${this.domain}`, to, body });
  }

  private answer(method: string, params: unknown): Promise<unknown> {
    switch (method) {
      case 'generateAssertion':
        return this.generateAssertion(textOf(params, 'contents') ?? '', textOf(params, 'usernameHint') ?? '');
      case 'validateAssertion':
        return this.validateAssertion(textOf(params, 'assertion') ?? '');
      case 'refreshAssertion':
        // An assertion is bound to a sign-in; there is nothing that could be renewed without one.
        return Promise.reject(new Refused(401, 'assertions are not refreshed: ask for another by generateAssertion'));
      default:
        return Promise.reject(new Refused(501, `this identity provider has no ${method || 'method without a name'}`));
    }
  }

  /**
   * Asserts `contents`, the public key of a runtime. `hint` is empty at first, which is answered with where to sign in; and then what the
   * window's address was when it came back, with a ticket for one assertion.
   */
  async generateAssertion(contents: string, hint: string): Promise<unknown> {
    const ticket = ticketIn(hint);
    const isOwn = this.surroundings.origin === this.provider;
    // Without a ticket only a cookie says who somebody is, which pages of other origins have no use of.
    if (ticket === undefined && !isOwn) throw this.loginNeeded(hint);
    const origin = this.surroundings.origin;
    const given = await this.ask('', ticket === undefined ? { contents, origin } : { contents, origin, ticket }).catch((error: unknown) => {
      throw error instanceof Refused && error.code === 401 ? this.loginNeeded(hint) : error;
    });
    const assertion = textOf(given, 'assertion');
    const expires = memberOf(given, 'expires');
    const profile = memberOf(given, 'userProfile');
    if (assertion === undefined || typeof profile !== 'object' || profile === null) throw new Refused(500, 'the identity provider gave no assertion');
    return {
      assertion,
      idp: { domain: this.domain, protocol: textOf(memberOf(given, 'idp'), 'protocol') ?? 'OIDC' },
      expires: typeof expires === 'number' ? String(expires) : expires,
      userProfile: this.profile(profile, textOf(given, 'identity') ?? ''),
      refresh: false,
    };
  }

  /** Whether an assertion is good: whose it is, and what it asserts. */
  async validateAssertion(assertion: string): Promise<unknown> {
    if (assertion === '' || assertion.length > MOST_ASSERTION) throw new Refused(400, 'this is no assertion');
    const said = await this.ask('/validate', { assertion });
    const [identity, contents] = [textOf(said, 'identity'), textOf(said, 'contents')];
    if (identity === undefined || contents === undefined) throw new Refused(401, 'the identity provider does not know this assertion');
    // Runtimes take what was asserted as `contents.nonce`, or as `contents` where that is text.
    return { identity, contents: { nonce: contents, sub: identity, email: identity }, trust: memberOf(said, 'trust') };
  }

  private loginNeeded(hint: string): Refused {
    const origin = this.surroundings.origin;
    const query = new URLSearchParams({ origin, redirect_uri: `${origin}/` });
    if (hint.includes('@')) query.set('login_hint', hint);
    return new Refused(401, { name: 'IdPLoginError', loginUrl: `${this.provider}/identity/proxy/login?${query.toString()}` });
  }

  private async ask(what: '' | '/validate', question: Record<string, string>): Promise<unknown> {
    const headers: Record<string, string> = { 'content-type': 'application/json', accept: 'application/json' };
    const isOwn = this.surroundings.origin === this.provider && question['ticket'] === undefined;
    // What no page of another origin can send: that is why the provider takes the cookie with it.
    if (isOwn) headers['x-colloquy-identity'] = '1';
    const init = { method: 'POST', headers, body: JSON.stringify(question), credentials: isOwn ? 'same-origin' : 'omit' } as const;
    let answer;
    try {
      answer = await this.surroundings.fetch(`${this.provider}/identity/assertion${what}`, init);
    } catch (error) {
      throw new Refused(503, `the identity provider cannot be reached: ${String(error)}`);
    }
    const said = await answer.json().catch(() => undefined);
    if (!answer.ok) throw new Refused(answer.status, textOf(said, 'error_description') ?? `the identity provider said ${answer.status}`);
    return said;
  }

  /** What runtimes need of a profile, made up from what there is. */
  private profile(given: object, identity: string): Record<string, unknown> {
    const email = textOf(given, 'email') ?? identity;
    const name = textOf(given, 'name') ?? email;
    const preferred = email.split('@')[0] ?? email;
    return { name, preferred_username: preferred, locale: 'en', userURL: `user://${this.domain}/${email}`, ...given, email };
  }
}

/** The ticket in the address of a window that came back, in its query or behind its `#`. */
function ticketIn(hint: string): string | undefined {
  let url: URL;
  try {
    url = new URL(hint);
  } catch {
    return undefined;
  }
  const parts = [url.searchParams, new URLSearchParams(url.hash.slice(1))];
  return parts.map((part) => part.get('code') ?? part.get('ticket')).find((ticket) => ticket !== null && ticket !== '') ?? undefined;
}
