/** Real processes: what runs in them has what it needs, and nothing else. */
import { afterEach, describe, expect, it } from 'vitest';
import { MessageBus } from '../../src/hyperty/bus.js';
import type { Message } from '../../src/hyperty/message.js';
import { processSandbox } from '../../src/hyperty/node.js';
import { Sandbox } from '../../src/hyperty/sandbox.js';

const URL = 'hyperty://d.test/1';
const code = (body: string): string => `var activate = { default: (url, bus, configuration) => { ${body}; return { name: 'x', instance: {} }; } };`;

const started: Sandbox[] = [];
afterEach(() => { for (const sandbox of started.splice(0)) sandbox.end(); });

async function run(body: string, owns: (address: string) => boolean = () => false, hears: (address: string) => boolean = () => true) {
  const bus = new MessageBus();
  const brought: Message[] = [];
  let lost: (why: string) => void = () => {};
  const end = new Promise<string>((resolve) => { lost = resolve; });
  const tenant = { url: URL, code: code(body), configuration: { runtimeURL: 'runtime://d.test/r' }, owns, hears, brought: (message: Message) => { brought.push(message); } };
  const sandbox = await Sandbox.start(processSandbox, bus, tenant, lost);
  started.push(sandbox);
  const ask = (body: Record<string, unknown> = {}): Promise<Message> => bus.ask({ type: 'execute', from: 'test://d.test/1', to: URL, body });
  return { bus, brought, sandbox, ask, end };
}

const ANSWER = (value: string): string => `bus.addListener(url, (message) => { if (message.type === 'execute') bus.postMessage({ id: message.id, type: 'response', from: url, to: message.from, body: { code: 200, value: ${value} } }); })`;

describe('code in a sandbox', () => {
  it('hears what is for it and answers', async () => {
    const { ask } = await run(ANSWER('[message.body.of * 2, configuration.runtimeURL]'));
    expect((await ask({ of: 21 })).body).toMatchObject({ code: 200, value: [42, 'runtime://d.test/r'] });
  });

  it('asks others and hears their answers', async () => {
    const { bus, ask } = await run(`${ANSWER('heard')}; let heard; bus.addListener(url + '/go', () => { bus.postMessage({ type: 'read', from: url, to: 'other://d.test/2' }, (answer) => { heard = answer.body.value; }); })`);
    bus.listen('other://d.test/2', (message) => { bus.post({ id: message.id!, type: 'response', from: 'other://d.test/2', to: message.from, body: { code: 200, value: 'told' } }); });
    bus.post({ type: 'update', from: 'test://d.test/1', to: `${URL}/go` });
    await expect.poll(async () => (await ask()).body!['value']).toBe('told');
  });

  it('speaks for itself alone: whatever else it says is not of this runtime', async () => {
    const { bus, brought, ask } = await run(`${ANSWER('1')}; bus.postMessage({ type: 'update', from: 'hyperty://d.test/2', to: 'other://d.test/2' }); bus.postMessage({ type: 'update', from: 'comm://d.test/mine', to: 'other://d.test/2' })`, (address) => address === 'comm://d.test/mine');
    const heard: string[] = [];
    bus.listen('other://d.test/2', ({ from }) => { heard.push(from); });
    await ask();
    expect(brought.map(({ from }) => from)).toEqual(['hyperty://d.test/2']);
  });

  it('hears of objects only what it observes', async () => {
    let observes = false;
    const { bus, ask } = await run(`${ANSWER('heard')}; const heard = []; bus.addListener('comm://d.test/3/changes', ({ body }) => { heard.push(body.n); })`, undefined, () => observes);
    await expect.poll(() => bus.has('comm://d.test/3/changes')).toBe(true);
    const change = (n: number): void => { bus.take({ type: 'update', from: 'comm://d.test/3', to: 'comm://d.test/3/changes', body: { n } }); };
    change(1);
    await ask();
    observes = true;
    change(2);
    expect((await ask()).body!['value']).toEqual([2]);
  });

  it('does not speak with the node in the name of the runtime', async () => {
    const { bus, ask } = await run(`${ANSWER('said')}; let said; bus.postMessage({ type: 'unsubscribe', from: url, to: 'domain://msg-node.d.test/sm', body: { resources: ['hyperty://d.test/2'] } }, ({ body }) => { said = body.code; })`);
    const out: Message[] = [];
    bus.out = (message) => { out.push(message); };
    await expect.poll(async () => (await ask()).body!['value']).toBe(403);
    expect(out).toEqual([]);
  });

  it('hears nothing that is for others here', async () => {
    const { bus } = await run(`bus.addListener('other://d.test/2', () => {}); bus.addListener('comm://d.test/3/changes', () => {}); bus.addListener(url, () => {})`);
    await expect.poll(() => bus.has(URL)).toBe(true);
    expect([bus.has('other://d.test/2'), bus.has('comm://d.test/3/changes')]).toEqual([false, true]);
  });

  it('has no files, processes, or environment, also where it gets out of its context', async () => {
    process.env['SECRET_OF_THE_TEST'] = 'x';
    const tries = `
      const host = setTimeout.constructor('return process')();
      const load = (name) => host.getBuiltinModule(name);
      const said = { seen: typeof process + typeof require };
      const attempts = {
        env: async () => Object.keys(host.env).filter((name) => name.startsWith('SECRET')),
        file: async () => load('node:fs').readFileSync('/etc/passwd', 'utf8'),
        shell: async () => load('node:child_process').execSync('id').toString(),
        worker: async () => new (load('node:worker_threads').Worker)('1', { eval: true }),
      };
      for (const [name, act] of Object.entries(attempts)) act().then((value) => { said[name] = value; }, (error) => { said[name] = error.code ?? String(error); });`;
    const { ask } = await run(`${tries}; ${ANSWER('said')}`);
    const denied = 'ERR_ACCESS_DENIED';
    await expect.poll(async () => (await ask()).body!['value']).toEqual({ seen: 'undefinedundefined', env: [], file: denied, shell: denied, worker: denied });
  });

  it('that is no code, or throws, is told as that', async () => {
    await expect(run('throw new Error("not today")')).rejects.toThrow(/not today/);
    const bus = new MessageBus();
    const tenant = { url: URL, code: 'var nothing = 1', configuration: { runtimeURL: 'r' }, owns: () => false, hears: () => false, brought: () => {} };
    await expect(Sandbox.start(processSandbox, bus, tenant, () => {})).rejects.toThrow(/activate/);
  });

  it('that ends is told as lost, and its addresses are free again', async () => {
    const { bus, end } = await run(`bus.addListener(url, () => {}); setTimeout(() => { setTimeout.constructor('return process')().exit(3); }, 50)`);
    expect(await end).toMatch(/3/);
    expect(bus.has(URL)).toBe(false);
  });
});
