/** The stub on a bus, against a small message node on a real socket; also as runtimes run it: one script, evaluated. */
import { createContext, runInContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, type RawData, WebSocketServer } from 'ws';
import type { Activate, Message } from '../src/api.js';
import { ColloquyProtoStub, type Socket } from '../src/protostub/stub.js';
import { CODE, script } from '../script.mjs';
import { FakeBus } from './bus.js';

const STUB = 'runtime://d.test/protostub/p1';
const RUNTIME = 'runtime://d.test/r1';
const surroundings = { open: (url: string) => new WebSocket(url) as unknown as Socket, now: () => Date.now(), random: () => 0 };

/** A node of sessions, that sends back every ping. */
class Node {
  readonly seen: Message[] = [];
  private readonly sessions = new Map<string, string>();
  private tokens = 0;

  private constructor(private readonly server: WebSocketServer) {
    server.on('connection', (socket) => {
      socket.on('message', (data: RawData) => {
        const message = JSON.parse(String(data)) as Message;
        this.seen.push(message);
        const body = this.answer(message);
        if (body) socket.send(JSON.stringify({ id: message.id, type: 'response', from: message.to, to: message.from, body }));
        if (message.type === 'close') socket.close();
      });
    });
  }

  static async start(): Promise<Node> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/ws' });
    await new Promise((resolve) => { server.once('listening', resolve); });
    return new Node(server);
  }

  get url(): string {
    const address = this.server.address();
    return typeof address === 'object' && address ? `ws://127.0.0.1:${address.port}/ws` : '';
  }

  /** Breaks all connections, as a network does. */
  cut(): void {
    for (const socket of this.server.clients) socket.terminate();
  }

  /** Forgets all sessions, as a restart does. */
  forget(): void {
    this.sessions.clear();
  }

  /** A message to all. */
  push(message: Message): void {
    for (const socket of this.server.clients) socket.send(JSON.stringify(message));
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => { this.server.close(resolve); });
  }

  private answer({ type, from }: Message): object | undefined {
    switch (type) {
      case 'open': {
        const runtimeToken = `token-${(this.tokens += 1)}`;
        this.sessions.set(`${from}/${runtimeToken}`, from);
        return { code: 200, runtimeToken };
      }
      case 're-open': return this.sessions.has(from) ? { code: 200 } : { code: 500, desc: 'Reconnection fail. Incorrect runtime token!' };
      case 'ping': return { code: 200, via: 'somebody else' };
      default: return undefined;
    }
  }
}

const nodes: Node[] = [];
const stubs: { disconnect(): void }[] = [];
afterEach(async () => {
  for (const stub of stubs.splice(0)) stub.disconnect();
  for (const node of nodes.splice(0)) await node.stop();
});

async function start(): Promise<{ node: Node; bus: FakeBus }> {
  const node = await Node.start();
  nodes.push(node);
  return { node, bus: new FakeBus() };
}

const status = (value: string) => (message: Message): boolean => message.to === `${STUB}/status` && message.body?.['value'] === value;
const answerTo = (id: number) => (message: Message): boolean => message.type === 'response' && message.id === id;
const ping = (id: number): Message => ({ id, type: 'ping', from: 'hyperty://d.test/h1', to: 'hyperty://d.test/h2', body: {} });

describe('the protocol stub', () => {
  it('gets to live with the first message, and carries it there and back', async () => {
    const { node, bus } = await start();
    stubs.push(new ColloquyProtoStub(STUB, bus, { runtimeURL: RUNTIME, url: node.url }, surroundings));
    await bus.find(status('created'));
    bus.hand(ping(1));
    await bus.find(status('in-progress'));
    await bus.find(status('live'));
    const answer = await bus.find(answerTo(1));
    expect(answer.body).toEqual({ code: 200, via: STUB });
    expect(node.seen.map(({ type, from }) => [type, from])).toEqual([['open', RUNTIME], ['ping', 'hyperty://d.test/h1']]);
    node.push({ id: 5, type: 'create', from: 'comm://d.test/o/subscription', to: 'hyperty://d.test/h1', body: { value: { ü: 'ä' } } });
    expect((await bus.find(({ type }) => type === 'create')).body).toEqual({ value: { ü: 'ä' }, via: STUB });
  });

  it('comes back after a cut under its token, and after a restart under another', async () => {
    const { node, bus } = await start();
    const stub = new ColloquyProtoStub(STUB, bus, { runtimeURL: RUNTIME, url: node.url }, surroundings);
    stubs.push(stub);
    stub.connect();
    await bus.find(status('live'));
    expect(stub.runtimeSession).toBe(`${RUNTIME}/token-1`);
    node.cut();
    await bus.find(status('disconnected'));
    bus.hand(ping(2));
    await bus.find(status('live'));
    await bus.find(answerTo(2));
    expect(node.seen.map(({ type, from }) => [type, from])).toEqual([
      ['open', RUNTIME], ['re-open', `${RUNTIME}/token-1`], ['ping', 'hyperty://d.test/h1'],
    ]);
    node.forget();
    node.cut();
    // Nobody says anything: it comes back by itself.
    await bus.find(status('live'));
    expect(stub.runtimeSession).toBe(`${RUNTIME}/token-2`);
  });

  it('closes and stays closed', async () => {
    const { node, bus } = await start();
    const stub = new ColloquyProtoStub(STUB, bus, { runtimeURL: RUNTIME, url: node.url }, surroundings);
    stub.connect();
    await bus.find(status('live'));
    stub.disconnect();
    await bus.find(status('disconnected'));
    bus.hand(ping(3));
    expect((await bus.find(answerTo(3))).body).toMatchObject({ code: 503 });
  });

  it('tells that nobody is there', async () => {
    const { node, bus } = await start();
    const url = node.url;
    await node.stop();
    nodes.pop();
    stubs.push(new ColloquyProtoStub(STUB, bus, { runtimeURL: RUNTIME, url }, surroundings));
    bus.hand(ping(4));
    expect((await bus.find(status('disconnected'))).body?.['desc']).toBeTypeOf('string');
    expect((await bus.find(answerTo(4))).body).toMatchObject({ code: 503 });
  });

  it('says what is missing', () => {
    expect(() => new ColloquyProtoStub(STUB, new FakeBus(), { runtimeURL: RUNTIME }, surroundings)).toThrow(/configuration\.url.* is missing/);
    expect(() => new ColloquyProtoStub(STUB, new FakeBus(), { runtimeURL: '', url: 'ws://x' }, surroundings)).toThrow(/runtimeURL is missing/);
  });

  it('runs as runtimes run it: evaluated as one script, twice in one sandbox', async () => {
    const { node, bus } = await start();
    const code = await script(CODE['protocolstub/ColloquyProtoStub']!);
    const sandbox = createContext({ WebSocket, setTimeout, clearTimeout, console });
    // Like `eval.apply(self, [code])` in a worker, which gives its names to the whole sandbox.
    runInContext('(0, eval)(code)', Object.assign(sandbox, { code }));
    runInContext('(0, eval)(code)', sandbox);
    const { activate } = sandbox as unknown as { activate: { default: Activate<ColloquyProtoStub> } };
    const { name, instance } = activate.default(STUB, bus, { runtimeURL: RUNTIME, url: node.url });
    stubs.push(instance);
    expect(name).toBe('ColloquyProtoStub');
    bus.hand(ping(6));
    await bus.find(answerTo(6));
    expect(node.seen.map(({ type }) => type)).toEqual(['open', 'ping']);
  });
});
