import { describe, expect, it } from 'vitest';
import { Catalogue, type Fetch, NotLoaded } from '../../src/hyperty/catalogue.js';

/** A catalogue with these texts, by method and address; everything else is not there. */
function catalogue(texts: Record<string, string>, at?: (domain: string) => string | undefined) {
  const asked: string[] = [];
  const fetch: Fetch = (url, { method, body, credentials, redirect }) => {
    expect([credentials, redirect]).toEqual(['omit', 'error']);
    const key = `${method} ${url}`;
    asked.push(body === undefined ? key : `${key} ${body}`);
    const text = texts[key];
    return Promise.resolve({ ok: text !== undefined, status: text === undefined ? 500 : 200, text: () => Promise.resolve(text ?? 'unknown instance') });
  };
  return { asked, of: new Catalogue({ fetch, capabilities: { node: true }, ...(at ? { at } : {}) }) };
}

const AT = 'https://catalogue.a.test/.well-known';
const described = (more: object): string => JSON.stringify({ objectName: 'Chat', version: '1', ...more });
const packed = (code: string, encoding = 'UTF-8'): string => JSON.stringify({ sourceCode: code, encoding });

describe('an object of a catalogue', () => {
  it('is asked for with what the runtime can do, and its code where the descriptor says', async () => {
    const there = catalogue({
      [`POST ${AT}/hyperty/Chat`]: described({ sourcePackageURL: 'hyperty-catalogue://catalogue.a.test/.well-known/sourcepackage/C' }),
      [`GET ${AT}/sourcepackage/C`]: packed(btoa('code é'.replace('é', String.fromCharCode(0xc3, 0xa9))), 'base64'),
    });
    const loaded = await there.of.loadFrom('hyperty-catalogue://catalogue.a.test/.well-known/hyperty/Chat', 'hyperty');
    expect([loaded.name, loaded.domain, loaded.code]).toEqual(['Chat', 'a.test', 'code é']);
    expect(there.asked[0]).toBe(`POST ${AT}/hyperty/Chat {"constraints":{"node":true}}`);
  });

  it('of a catalogue that takes no constraints is asked for without', async () => {
    const there = catalogue({ [`GET ${AT}/protocolstub/default`]: described({ sourcePackage: { sourceCode: 'inline' } }) });
    expect((await there.of.load('a.test', 'protocolstub', 'default')).code).toBe('inline');
  });

  it('is found where the catalogue is reached, whatever it calls itself', async () => {
    const at = 'http://127.0.0.1:8080';
    const there = catalogue({
      [`POST ${at}/.well-known/hyperty/Chat`]: described({ sourcePackageURL: 'hyperty-catalogue://127.0.0.1:8080/.well-known/sourcepackage/C' }),
      [`GET ${at}/.well-known/sourcepackage/C`]: packed('code'),
    }, (domain) => (domain === 'localhost' ? at : undefined));
    expect((await there.of.load('localhost', 'hyperty', 'Chat')).code).toBe('code');
  });

  it('has no code of another domain', async () => {
    for (const elsewhere of ['https://evil.test/x', 'hyperty-catalogue://catalogue.a.test.evil.test/x', 'http://code.a.test/x', 'javascript:alert(1)']) {
      const there = catalogue({ [`POST ${AT}/hyperty/Chat`]: described({ sourcePackageURL: elsewhere }) });
      await expect(there.of.load('a.test', 'hyperty', 'Chat')).rejects.toThrow(NotLoaded);
      expect(there.asked).toHaveLength(1);
    }
  });

  it('that is not what it should be is told as that', async () => {
    const cases: [Record<string, string>, RegExp][] = [
      [{}, /says 500: unknown instance/],
      [{ [`GET ${AT}/hyperty/Chat`]: '{"ERROR":{}}' }, /no such object/],
      [{ [`GET ${AT}/hyperty/Chat`]: '<html>' }, /no JSON/],
      [{ [`GET ${AT}/hyperty/Chat`]: described({}), [`GET ${AT}/hyperty/Chat/sourcePackage`]: '{}' }, /no sourceCode/],
      [{ [`GET ${AT}/hyperty/Chat`]: described({}), [`GET ${AT}/hyperty/Chat/sourcePackage`]: packed('%', 'base64') }, /not base64/],
      [{ [`GET ${AT}/hyperty/Chat`]: ' '.repeat((1 << 20) + 1) }, /longer than/],
    ];
    for (const [texts, why] of cases) await expect(catalogue(texts).of.load('a.test', 'hyperty', 'Chat')).rejects.toThrow(why);
    for (const [domain, name] of [['a.test/..', 'Chat'], ['a.test', '../x'], ['a.test', '']] as const) {
      const there = catalogue({});
      await expect(there.of.load(domain, 'hyperty', name)).rejects.toThrow(NotLoaded);
      expect(there.asked).toEqual([]);
    }
    await expect(catalogue({}).of.loadFrom('https://a.test/hyperty/Chat', 'hyperty')).rejects.toThrow(/not the address of a hyperty/);
  });
});
