import { describe, expect, it } from 'vitest';
import type { Message } from '../src/api.js';
import { ColloquyIdpProxy, type Fetch } from '../src/idp/proxy.js';
import { CODE, script } from '../script.mjs';
import { FakeBus } from './bus.js';

const CONTENTS = '[48,130,1,34,48,13]';
const PROXY = 'domain-idp://d.test/stub/s1';

interface Asked { readonly url: string; readonly body: Record<string, unknown>; readonly headers?: Record<string, string>; readonly credentials?: string }

function start(answer: (asked: Asked) => { status: number; body: unknown }, origin = 'https://app.test'): { bus: FakeBus; asked: Asked[]; execute: (method: string, params: object) => Promise<Message> } {
  const [bus, asked]: [FakeBus, Asked[]] = [new FakeBus(), []];
  const fetch: Fetch = (url, init) => {
    expect(init.credentials).toBe(init.headers['x-colloquy-identity'] === '1' ? 'same-origin' : 'omit');
    const one = { url, body: JSON.parse(init.body) as Record<string, unknown> };
    asked.push(one);
    const { status, body } = answer(one);
    return Promise.resolve({ ok: status < 300, status, json: () => (body === undefined ? Promise.reject(new Error('no JSON')) : Promise.resolve(body)) });
  };
  const configuration = { runtimeURL: 'runtime://d.test/r1', domain: 'd.test', provider: 'https://d.test/' };
  new ColloquyIdpProxy(PROXY, bus, configuration, { fetch, origin });
  let id = 0;
  const execute = (method: string, params: object): Promise<Message> => {
    const own = ++id;
    bus.hand({ id: own, type: 'execute', from: 'runtime://d.test/r1/idm', to: 'domain-idp://d.test', body: { method, params } });
    return bus.find((message) => message.type === 'response' && message.id === own);
  };
  return { bus, asked, execute };
}

const none = (): never => { throw new Error('nobody is to be asked'); };

describe('the proxy of the identity provider', () => {
  it('says that it is there', async () => {
    const { bus } = start(none);
    expect(await bus.find(({ to }) => to === `${PROXY}/status`)).toMatchObject({ type: 'update', from: PROXY, body: { value: 'created' } });
  });

  const given = { assertion: 'a.b.c', identity: 'alice@d.test', expires: 1_800_000_000, idp: { domain: 'd.test', protocol: 'colloquy' }, userProfile: { sub: '7', name: 'Alice' } };
  const value = {
    assertion: 'a.b.c', idp: { domain: 'd.test', protocol: 'colloquy' }, expires: '1800000000', refresh: false,
    userProfile: { sub: '7', email: 'alice@d.test', name: 'Alice', preferred_username: 'alice', locale: 'en', userURL: 'user://d.test/alice@d.test' },
  };

  it('says where to sign in, and then gets an assertion for the ticket that came back', async () => {
    const { asked, execute } = start(() => ({ status: 200, body: given }));
    const first = await execute('generateAssertion', { contents: CONTENTS, origin: 'origin', usernameHint: '' });
    expect(first).toMatchObject({ from: 'domain-idp://d.test', to: 'runtime://d.test/r1/idm', body: { code: 401, description: { name: 'IdPLoginError' } } });
    const { loginUrl } = first.body?.['description'] as { loginUrl: string };
    const url = new URL(loginUrl);
    expect(url.origin + url.pathname).toBe('https://d.test/identity/proxy/login');
    expect(Object.fromEntries(url.searchParams)).toEqual({ origin: 'https://app.test', redirect_uri: 'https://app.test/' });
    expect(asked).toEqual([]);
    for (const hint of ['https://app.test/?code=c1', 'https://app.test/#state=x&code=c1', 'https://app.test/?ticket=c1']) {
      expect((await execute('generateAssertion', { contents: CONTENTS, origin: 'origin', usernameHint: hint })).body).toEqual({ code: 200, value });
    }
    const question = { ticket: 'c1', contents: CONTENTS, origin: 'https://app.test' };
    expect(asked).toEqual([0, 1, 2].map(() => ({ url: 'https://d.test/identity/assertion', body: question })));
  });

  it('opens no window where somebody has signed in at the same origin', async () => {
    let isSignedIn = false;
    const { asked, execute } = start(() => (isSignedIn ? { status: 200, body: given } : { status: 401, body: { error: 'login_required' } }), 'https://d.test');
    expect((await execute('generateAssertion', { contents: CONTENTS, usernameHint: '' })).body).toMatchObject({ code: 401, description: { name: 'IdPLoginError' } });
    isSignedIn = true;
    expect((await execute('generateAssertion', { contents: CONTENTS, usernameHint: '' })).body).toEqual({ code: 200, value });
    expect(asked[1]).toEqual({ url: 'https://d.test/identity/assertion', body: { contents: CONTENTS, origin: 'https://d.test' } });
  });

  it('asks to sign in again with a ticket that is used up, and passes on who', async () => {
    const { execute } = start(() => ({ status: 401, body: { error: 'login_required', error_description: 'sign in' } }));
    const used = await execute('generateAssertion', { contents: CONTENTS, usernameHint: 'https://app.test/?code=old' });
    expect(used.body).toMatchObject({ code: 401, description: { name: 'IdPLoginError' } });
    const answer = await execute('generateAssertion', { contents: CONTENTS, usernameHint: 'alice@d.test' });
    const { loginUrl } = answer.body?.['description'] as { loginUrl: string };
    expect(new URL(loginUrl).searchParams.get('login_hint')).toBe('alice@d.test');
  });

  it('says whose an assertion is, and what it asserts', async () => {
    const { asked, execute } = start(() => ({ status: 200, body: { identity: 'alice@d.test', contents: CONTENTS, trust: 'verified' } }));
    const answer = await execute('validateAssertion', { assertion: 'a.b.c', origin: 'o' });
    expect(answer.body).toEqual({ code: 200, value: { identity: 'alice@d.test', contents: { nonce: CONTENTS, sub: 'alice@d.test', email: 'alice@d.test' }, trust: 'verified' } });
    expect(asked).toEqual([{ url: 'https://d.test/identity/assertion/validate', body: { assertion: 'a.b.c' } }]);
  });

  it.each([
    ['a provider that refuses', { status: 400, body: { error_description: 'the assertion was revoked' } }, 400, 'the assertion was revoked'],
    ['a provider without words', { status: 500, body: undefined }, 500, 'the identity provider said 500'],
    ['half an answer', { status: 200, body: { identity: 'alice@d.test' } }, 401, 'the identity provider does not know this assertion'],
    ['nothing', { status: 200, body: null }, 401, 'the identity provider does not know this assertion'],
  ])('tells %s', async (_, answer, code, description) => {
    const { execute } = start(() => answer);
    expect((await execute('validateAssertion', { assertion: 'a.b.c' })).body).toEqual({ code, description });
  });

  it('asks nobody what cannot be', async () => {
    const { execute, bus } = start(none);
    for (const params of [{}, { assertion: 7 }, { assertion: 'x'.repeat(20_000) }]) {
      expect((await execute('validateAssertion', params)).body).toMatchObject({ code: 400 });
    }
    expect((await execute('getAccessToken', {})).body).toMatchObject({ code: 501 });
    expect((await execute('refreshAssertion', {})).body).toMatchObject({ code: 401 });
    bus.posted.length = 0;
    bus.hand({ id: 99, type: 'execute', from: 'x', to: 'domain-idp://other.test', body: { method: 'validateAssertion' } });
    bus.hand({ id: 99, type: 'response', from: 'x', to: 'domain-idp://d.test', body: { code: 200 } });
    await Promise.resolve();
    expect(bus.posted).toEqual([]);
  });

  it('is one script', async () => {
    expect(await script(CODE['idp-proxy/domain']!)).toMatch(/^var activate = /);
    expect(await script(CODE['runtime/Runtime']!)).toMatch(/^var Runtime = /);
  });
});
