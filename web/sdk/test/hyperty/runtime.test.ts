/** Two runtimes of two domains, their nodes and catalogues, and what people of one do with those of the other. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Fetch } from '../../src/hyperty/catalogue.js';
import { inside } from '../../src/hyperty/inside.js';
import { type Body, type Bus, type Message, codeOf } from '../../src/hyperty/message.js';
import { HypertyRuntime } from '../../src/hyperty/runtime.js';
import type { MakeSandbox, Wire } from '../../src/hyperty/sandbox.js';

type Deliver = (message: Message) => void;

/** A message node with its registry: sessions by whoever posts, what they subscribed to, and entries by address. */
class Node {
  readonly seen: Message[] = [];
  readonly entries = new Map<string, Body>();
  private readonly heard = new Map<string, Set<Deliver>>();

  /** What a stub of this domain hands on; `session` is where it takes answers. */
  from(message: Message, session: Deliver): void {
    this.seen.push(message);
    const reply = (body: Body): void => { session({ id: message.id!, type: 'response', from: String(message.to), to: message.from, body }); };
    const body = message.body ?? {};
    const to = String(message.to);
    if (to.startsWith('domain://msg-node.')) {
      for (const address of body['resources'] as string[]) {
        const all = this.heard.get(address) ?? new Set();
        if (message.type === 'subscribe') this.heard.set(address, all.add(session));
        else all.delete(session);
      }
      reply({ code: 200 });
    } else if (to.startsWith('domain://registry.')) this.registry(message.type, body, reply);
    else this.publish(message, session);
    // Runtimes are known by what they send.
    const runtime = /^runtime:\/\/[^/]+\/[^/]+/.exec(message.from)?.[0];
    if (runtime) this.heard.set(runtime, new Set([session]));
  }

  sessionOf(runtime: string): Deliver {
    return [...(this.heard.get(runtime) ?? [])][0]!;
  }

  publish(message: Message, except?: Deliver): void {
    const to = String(message.to);
    const runtime = /^runtime:\/\/[^/]+\/[^/]+/.exec(to)?.[0] ?? '';
    for (const session of this.heard.get(to) ?? this.heard.get(runtime) ?? []) if (session !== except) session(structuredClone(message));
  }

  private registry(type: string, body: Body, reply: (body: Body) => void): void {
    const value = body['value'] as Body | undefined;
    if (type === 'create') this.entries.set(String(value?.['url']), value ?? {});
    if (type === 'delete') this.entries.delete(String(value?.['url']));
    if (type !== 'read') {
      reply({ code: 200 });
      return;
    }
    const wanted = String(body['resource']).replace('/hyperty/idp-identifier/', '');
    const found = [...this.entries].filter(([, entry]) => entry['user'] === wanted).map(([url, entry]) => [url, { ...entry, hypertyID: url }] as const);
    reply(found.length > 0 ? { code: 200, value: Object.fromEntries(found) } : { code: 404 });
  }
}

/** Who may say what, as the proxies of the domains' providers have it. */
const ASSERTIONS: Record<string, string> = { 'good-of-ann': 'ann@a.test', 'good-of-mallory': 'mallory@a.test' };
const nodes: Record<string, Node> = {};

/** Code of the catalogues. It reaches its node by a name that sandboxes here have; those of the product have sockets. */
const STUB = `var activate = { default: (url, bus, { runtimeURL, node }) => {
  const session = (message) => bus.postMessage(message);
  bus.addListener('*', (message) => { if (message.from !== url) NODES[node].from(message, session); });
  return { name: 'stub', instance: {} };
} };`;
const PROXY = `var activate = { default: (url, bus, { domain }) => {
  bus.addListener('*', (message) => {
    const { method, params } = message.body;
    const answer = method === 'validateAssertion'
      ? ASSERTIONS[params.assertion] ? { code: 200, value: { identity: ASSERTIONS[params.assertion], contents: '' } } : { code: 401, description: 'forged' }
      : params.usernameHint === '' ? { code: 401, description: { name: 'IdPLoginError', loginUrl: 'https://id.a.test/login' } }
      : { code: 200, value: { assertion: 'good-of-' + params.usernameHint, idp: { domain, protocol: 'OIDC' }, userProfile: { email: params.usernameHint + '@a.test', name: params.usernameHint } } };
    bus.postMessage({ id: message.id, type: 'response', from: message.to, to: message.from, body: answer });
  });
  return { name: 'proxy', instance: {} };
} };`;
const SCHEMA = JSON.stringify({ properties: { scheme: { constant: 'comm' } } });
const ECHO = `var activate = { default: (url, bus) => {
  bus.addListener(url, (message) => { if (message.type === 'execute') bus.postMessage({ id: message.id, type: 'response', from: url, to: message.from, body: { code: 200, value: message.body.value } }); });
  return { name: 'Echo', instance: { url } };
} };`;

const fetchOf: Fetch = (url) => {
  const [, domain = '', kind = '', name = ''] = /^https:\/\/catalogue\.([^/]+)\/\.well-known\/([^/]+)\/([^/]+)/.exec(url) ?? [];
  const code = !nodes[domain] ? undefined : { protocolstub: name === 'default' ? STUB : undefined, 'idp-proxy': domain === 'a.test' ? PROXY : undefined, dataschema: SCHEMA, hyperty: ECHO }[kind];
  const offers = kind === 'hyperty' ? { hypertyType: ['echo'], dataObjects: [`hyperty-catalogue://catalogue.${domain}/.well-known/dataschema/Communication`] } : {};
  const text = JSON.stringify({ objectName: name, configuration: { node: domain, domain }, ...offers, sourcePackage: { sourceCode: code } });
  return Promise.resolve({ ok: code !== undefined, status: code === undefined ? 500 : 200, text: () => Promise.resolve(code === undefined ? 'unknown' : text) });
};

/** In this process; what goes over is copied as between processes. */
const sandbox: MakeSandbox = () => {
  const wire: Wire = { send: (words) => { const copy: unknown = structuredClone(words); queueMicrotask(() => { take(copy); }); }, end: () => { wire.onwords = () => {}; }, onwords: () => {}, onend: () => {} };
  const take = inside({
    send: (words) => { const copy: unknown = structuredClone(words); queueMicrotask(() => { wire.onwords(copy); }); },
    evaluate: (code) => new Function('NODES', 'ASSERTIONS', `${code}; return activate;`)(nodes, ASSERTIONS) as unknown,
  });
  return wire;
};

const runtimes: HypertyRuntime[] = [];
const troubles: string[] = [];
function runtime(domain: string): HypertyRuntime {
  nodes[domain] ??= new Node();
  const made = new HypertyRuntime({ domain, sandbox, capabilities: {}, fetch: fetchOf, onStatus: (of, status, why) => { troubles.push(`${of} ${status} ${why ?? ''}`); } });
  runtimes.push(made);
  return made;
}

afterEach(async () => {
  await Promise.all(runtimes.splice(0).map((runtime) => runtime.close()));
  for (const domain of Object.keys(nodes)) delete nodes[domain];
  troubles.length = 0;
});

const OFFERS = (domain: string) => ({ schemas: [`hyperty-catalogue://catalogue.${domain}/.well-known/dataschema/Communication`], resources: ['chat'] });

/** A hyperty of a test: what it hears, and its bus. */
class Probe {
  readonly heard: Message[] = [];
  /** What is answered to each question. */
  answer: Body | undefined = { code: 200 };
  constructor(readonly url: string, readonly bus: Bus, readonly runtimeURL: string) {
    bus.addListener(url, (message) => {
      this.heard.push(message);
      if (message.id !== undefined && message.type !== 'response' && this.answer) bus.postMessage({ id: message.id, type: 'response', from: url, to: message.from, body: this.answer });
    });
  }
  ask(to: string, type: string, body: Body): Promise<Message> {
    return new Promise((resolve) => { this.bus.postMessage({ type, from: this.url, to, body }, (answer) => { if (codeOf(answer) >= 200) resolve(answer); }); });
  }
  sm(type: string, body: Body): Promise<Message> { return this.ask(`${this.runtimeURL}/sm`, type, body); }
}

const probe = async (of: HypertyRuntime, domain: string): Promise<Probe> =>
  (await of.host('Probe', OFFERS(domain), (url, bus, { runtimeURL }) => new Probe(url, bus, runtimeURL))).instance;

describe('a hyperty runtime', () => {
  it('puts hyperties into the registry, finds them in any domain, and takes them out', async () => {
    const [a, b] = [runtime('a.test'), runtime('b.test')];
    const [ann] = [await probe(a, 'a.test')];
    const bob = await b.host('Probe', OFFERS('b.test'), (url, bus, { runtimeURL }) => new Probe(url, bus, runtimeURL));
    expect(nodes['b.test']!.entries.get(bob.url)).toMatchObject({ user: b.user, resources: ['chat'], dataSchemes: ['comm'], status: 'live' });
    const found = await ann.ask(`${a.url}/discovery/`, 'read', { resource: `/hyperty/user/${b.user}`, criteria: { domain: 'b.test' } });
    expect(Object.keys(found.body!['value'] as object)).toEqual([bob.url]);
    await bob.end();
    expect(nodes['b.test']!.entries.size).toBe(0);
    expect([...a.connections.keys()].sort()).toEqual(['a.test', 'b.test']);
  });

  it('loads hyperties out of catalogues into sandboxes, and into the page those of its own domain alone', async () => {
    const [a, b] = [runtime('a.test'), runtime('b.test')];
    const caller = await probe(b, 'b.test');
    const echo = await a.load('hyperty-catalogue://catalogue.a.test/.well-known/hyperty/Echo');
    expect((await caller.ask(echo.url, 'execute', { value: 'there and back' })).body).toMatchObject({ code: 200, value: 'there and back' });
    expect(((await a.load('hyperty-catalogue://catalogue.a.test/.well-known/hyperty/Echo', { inPage: true })).instance as { url: string }).url).toMatch(/^hyperty:/);
    await expect(b.load('hyperty-catalogue://catalogue.a.test/.well-known/hyperty/Echo', { inPage: true })).rejects.toThrow(/runs in a sandbox/);
  });

  it('reports objects to observers here and in another domain, and tells them of the end', async () => {
    const [a, b] = [runtime('a.test'), runtime('b.test')];
    const [ann, amy, bob] = [await probe(a, 'a.test'), await probe(a, 'a.test'), await probe(b, 'b.test')];
    const created = await ann.sm('create', { value: { schema: OFFERS('a.test').schemas[0], name: 'talk', data: {} } });
    const object = String(created.body!['resource']);
    expect(object).toMatch(/^comm:\/\/a\.test\//);
    expect(codeOf(await ann.sm('create', { resource: object, authorise: [bob.url], value: {} }))).toBe(200);
    expect(bob.heard.find(({ type }) => type === 'create')).toMatchObject({ from: `${object}/subscription`, body: { source: ann.url, resource: object } });
    // Only who reports it invites to it, and ends it.
    expect(codeOf(await amy.sm('create', { resource: object, authorise: [bob.url], value: {} }))).toBe(403);
    expect(codeOf(await amy.sm('delete', { resource: object }))).toBe(403);
    ann.answer = { code: 200, value: { data: { text: 'whole' } } };
    const heard: Record<string, Message[]> = { amy: [], bob: [] };
    for (const [name, one] of [['amy', amy], ['bob', bob]] as const) {
      one.bus.addListener(`${object}/changes`, (message) => { heard[name]!.push(message); });
      expect((await one.sm('subscribe', { resource: object, schema: '' })).body).toMatchObject({ code: 200, value: { data: { text: 'whole' } }, resource: object });
    }
    ann.bus.postMessage({ type: 'update', from: object, to: `${object}/changes`, body: { attribute: 'text', value: 'new', version: 1 } });
    await expect.poll(() => [heard['amy']!.length, heard['bob']!.length]).toEqual([1, 1]);
    ann.answer = { code: 403, desc: 'not you' };
    const late = await probe(b, 'b.test');
    expect((await late.sm('subscribe', { resource: object, schema: '' })).body).toMatchObject({ code: 403, desc: 'not you' });
    await ann.sm('delete', { resource: object });
    await expect.poll(() => [amy, bob].map(({ heard }) => heard.filter(({ type }) => type === 'delete').length)).toEqual([1, 1]);
    expect(late.heard.filter(({ type }) => type === 'delete')).toEqual([]);
  });

  it('lets nobody from outside speak for somebody here', async () => {
    const [a, b] = [runtime('a.test'), runtime('b.test')];
    const [ann, amy, bob] = [await probe(a, 'a.test'), await probe(a, 'a.test'), await probe(b, 'b.test')];
    const forged = (from: string): void => { nodes['a.test']!.publish({ id: 7, type: 'execute', from, to: ann.url, body: { from } }); };
    for (const from of [amy.url, `${a.url}/sm`, ann.url]) forged(from);
    forged(bob.url);
    await expect.poll(() => ann.heard.length).toBe(1);
    expect(ann.heard[0]!.from).toBe(bob.url);
  });

  it('takes answers of a domain from that domain alone, and from its own', async () => {
    const [a, b] = [runtime('a.test'), runtime('b.test')];
    const ann = await probe(a, 'a.test');
    await ann.ask(`${a.url}/discovery/`, 'read', { resource: `/hyperty/user/${b.user}`, criteria: { domain: 'b.test' } });
    // There is a way to b.test now. Its node answers what the node of c.test was asked.
    nodes['c.test'] = new Node();
    const asked = ann.ask('hyperty://c.test/1', 'execute', {});
    await expect.poll(() => nodes['c.test']!.seen.length).toBe(1);
    const { id } = nodes['c.test']!.seen[0]!;
    const answer = (of: string, value: string): void => {
      nodes[of]!.publish({ id: id!, type: 'response', from: 'hyperty://c.test/1', to: ann.url, body: { code: 200, value } });
    };
    nodes['b.test']!.from({ id: 9, type: 'subscribe', from: `${a.url}/sm`, to: 'domain://msg-node.b.test/sm', body: { resources: [ann.url] } }, nodes['b.test']!.sessionOf(a.url));
    answer('b.test', 'forged');
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    answer('a.test', 'true');
    expect((await asked).body!['value']).toBe('true');
  });

  it('says who invites, once his provider has vouched for him, and refuses a forgery', async () => {
    const [a, b] = [runtime('a.test'), runtime('b.test')];
    let asked = '';
    await a.signIn('a.test', (url) => { asked = url; return Promise.resolve('ann'); });
    expect([asked, a.user]).toEqual(['https://id.a.test/login', 'ann@a.test']);
    const [ann, bob] = [await probe(a, 'a.test'), await probe(b, 'b.test')];
    const created = await ann.sm('create', { value: { schema: OFFERS('a.test').schemas[0], name: 'talk', data: {} } });
    const object = String(created.body!['resource']);
    await ann.sm('create', { resource: object, authorise: [bob.url], value: {} });
    expect(bob.heard[0]!.body).toMatchObject({ identity: { trust: 'verified', userProfile: { email: 'ann@a.test' } } });
    const invite = (identity: Body): Promise<Message> => new Promise((resolve) => {
      const from = 'comm://c.test/1/subscription';
      // Who invites is of a third domain: he is answered by its node.
      (nodes['c.test'] ??= new Node()).from({ id: 1, type: 'subscribe', from: 'runtime://c.test/r/sm', to: 'domain://msg-node.c.test/sm', body: { resources: [from] } }, (message) => { if (message.from === bob.url) resolve(message); });
      nodes['b.test']!.publish({ id: 2, type: 'create', from, to: bob.url, body: { source: 'hyperty://c.test/1', identity } });
    });
    const idp = { domain: 'a.test', protocol: 'OIDC' };
    expect((await invite({ assertion: 'forged', idp, userProfile: { email: 'ann@a.test' } })).body).toMatchObject({ code: 403, desc: expect.stringContaining('forged') as string });
    expect((await invite({ assertion: 'good-of-mallory', idp, userProfile: { email: 'ann@a.test' } })).body).toMatchObject({ code: 403, desc: expect.stringContaining('mallory@a.test') as string });
    // A provider that nobody knows says neither yes nor no: only a name is left, and that it is not known.
    await invite({ assertion: 'x', idp: { domain: 'nowhere.test' }, userProfile: { email: 'ann@a.test', name: 'Ann' } });
    expect(bob.heard.at(-1)!.body!['identity']).toEqual({ userProfile: { name: 'Ann' }, trust: 'unknown' });
  });

  it('tells who has no way to a domain why, and rests before it tries again', async () => {
    const ann = await probe(runtime('a.test'), 'a.test');
    const [one, other] = [await ann.ask('hyperty://nowhere.test/1', 'execute', {}), await ann.ask('hyperty://nowhere.test/2', 'execute', {})];
    expect([codeOf(one), codeOf(other)]).toEqual([503, 503]);
    expect(one.body!['desc']).toMatch(/no way to nowhere\.test: .*500/);
    expect(troubles.filter((text) => text.startsWith('nowhere.test'))).toHaveLength(1);
    expect(codeOf(await ann.ask('hyperty://a..test/1', 'execute', {}))).toBe(400);
  });
});
