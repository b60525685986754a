/**
 * The proxy of our identity provider: a runtime asks it, by messages to `domain-idp://<domain>`, for assertions and whether assertions are good.
 * It asks the provider by HTTP, and knows no secret: whoever is to be asserted signs in at the provider, in a window that the runtime opens.
 */
import { type Body, type Bus, type Configuration, type Message, memberOf, needed, textOf } from '../api.js';

/** What is used of `fetch`. */
export type Fetch = (url: string, init: { method: string; headers: Record<string, string>; body: string; credentials: 'omit' }) => Promise<{
  readonly ok: boolean;
  readonly status: number;
  json(): Promise<unknown>;
}>;

/** What a proxy takes from where it runs. */
export interface Surroundings {
  readonly fetch: Fetch;
  /** To which the provider sends the window back: the runtime waits until it is on its own origin. */
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
    this.provider = needed(config['provider'], 'configuration.provider, the identity provider\'s address,').replace(/\/+$/, '');
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
        return this.generateAssertion(textOf(params, 'contents') ?? '', textOf(params, 'origin') ?? '', textOf(params, 'usernameHint') ?? '');
      case 'validateAssertion':
        return this.validateAssertion(textOf(params, 'assertion') ?? '', textOf(params, 'origin') ?? '');
      case 'refreshAssertion':
        // An assertion is bound to a sign-in; there is nothing that could be renewed without one.
        return Promise.reject(new Refused(401, 'assertions are not refreshed: ask for another by generateAssertion'));
      default:
        return Promise.reject(new Refused(501, `this identity provider has no ${method || 'method without a name'}`));
    }
  }

  /**
   * Asserts `contents`, the public key of a runtime. `hint` is empty at first, which is answered with where to sign in; and then what the
   * window's address was when it came back, with a code for one assertion.
   */
  async generateAssertion(contents: string, origin: string, hint: string): Promise<unknown> {
    const code = codeIn(hint);
    if (code === undefined) throw new Refused(401, { name: 'IdPLoginError', loginUrl: this.loginUrl(contents, origin, hint) });
    const given = await this.ask('assertion', { code, contents, origin, redirect_uri: this.surroundings.origin });
    const assertion = textOf(given, 'assertion');
    const expires = memberOf(given, 'expires');
    const profile = memberOf(given, 'userProfile');
    if (assertion === undefined || typeof profile !== 'object' || profile === null) throw new Refused(500, 'the identity provider gave no assertion');
    return {
      assertion,
      idp: { domain: this.domain, protocol: textOf(given, 'protocol') ?? 'OIDC' },
      expires: typeof expires === 'number' ? String(expires) : expires,
      userProfile: this.profile(profile),
      refresh: false,
    };
  }

  /** Whether an assertion is good: whose it is, and what it asserts. */
  async validateAssertion(assertion: string, origin: string): Promise<unknown> {
    if (assertion === '' || assertion.length > MOST_ASSERTION) throw new Refused(400, 'this is no assertion');
    const said = await this.ask('validate', { assertion, origin });
    const [identity, contents] = [textOf(said, 'identity'), textOf(said, 'contents')];
    if (identity === undefined || contents === undefined) throw new Refused(401, 'the identity provider does not know this assertion');
    // Runtimes take what was asserted as `contents.nonce`, or as `contents` where that is text.
    return { identity, contents: { nonce: contents, sub: identity, email: identity } };
  }

  private loginUrl(contents: string, origin: string, hint: string): string {
    const query = new URLSearchParams({ contents, origin, redirect_uri: this.surroundings.origin });
    if (hint !== '') query.set('login_hint', hint);
    return `${this.provider}/identity/proxy/login?${query.toString()}`;
  }

  private async ask(what: 'assertion' | 'validate', question: Record<string, string>): Promise<unknown> {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(question), credentials: 'omit' } as const;
    let answer;
    try {
      answer = await this.surroundings.fetch(`${this.provider}/identity/proxy/${what}`, init);
    } catch (error) {
      throw new Refused(503, `the identity provider cannot be reached: ${String(error)}`);
    }
    const said = await answer.json().catch(() => undefined);
    if (!answer.ok) throw new Refused(answer.status, textOf(said, 'detail') ?? `the identity provider said ${answer.status}`);
    return said;
  }

  /** What runtimes need of a profile, made up from what there is. */
  private profile(given: object): Record<string, unknown> {
    const email = textOf(given, 'email') ?? textOf(given, 'preferred_username') ?? textOf(given, 'sub') ?? '';
    const name = textOf(given, 'name') ?? email;
    return { name, preferred_username: email.split('@')[0] ?? email, locale: 'en', ...given, email, userURL: `user://${this.domain}/${email}` };
  }
}

/** The code in the address of a window that came back, in its query or behind its `#`. */
function codeIn(hint: string): string | undefined {
  let url: URL;
  try {
    url = new URL(hint);
  } catch {
    return undefined;
  }
  const code = url.searchParams.get('code') ?? new URLSearchParams(url.hash.slice(1)).get('code');
  return code === null || code === '' ? undefined : code;
}
