/**
 * What a runtime does between the hyperties in it, as far as they see: it keeps who reports and who observes what, passes invitations on, and
 * answers for discovery and for who somebody is. All messages are copied, as between workers.
 */
import type { Bus, Listener, Message } from '../src/api.js';

export const RUNTIME = 'runtime://d.test/r1';

interface Registered { readonly user: string; readonly schemes: string[]; readonly resources: string[] }

export class FakeRuntime {
  /** Everything that was posted, oldest first. */
  readonly log: Message[] = [];
  private readonly buses = new Set<RuntimeBus>();
  private readonly owners = new Map<string, { owner: string; metadata: Record<string, unknown>; observers: Set<string> }>();
  private readonly registry = new Map<string, Registered>();
  private numbers = 0;

  /** The bus of a sandbox in which one hyperty runs. */
  bus(hyperty: string, registered: Registered): Bus {
    this.registry.set(hyperty, registered);
    const bus = new RuntimeBus(hyperty, (message) => { this.route(message); });
    this.buses.add(bus);
    return bus;
  }

  /** Tells everybody what an object of this address is from now on, as a node does. */
  deliver(message: Message): void {
    const copy = (): Message => JSON.parse(JSON.stringify(message)) as Message;
    for (const bus of this.buses) if (bus.wants(message)) queueMicrotask(() => { bus.take(copy()); });
  }

  private route(message: Message): void {
    this.log.push(message);
    const reply = (body: Record<string, unknown>): void => {
      this.deliver({ id: message.id ?? 0, type: 'response', from: String(message.to), to: message.from, body });
    };
    const body = message.body ?? {};
    switch (message.to) {
      case `${RUNTIME}/sm`:
        this.sync(message, body, reply);
        return;
      case `${RUNTIME}/registry/`:
        reply({ code: 200, resource: this.profile(message.from) });
        return;
      case `${RUNTIME}/discovery/`:
        this.discover(String(body['resource']), (body['criteria'] ?? {}) as { dataSchemes?: string[]; resources?: string[] }, reply);
        return;
      default:
        this.deliver(message);
    }
  }

  private profile(hyperty: string): Record<string, unknown> {
    const user = this.registry.get(hyperty)?.user ?? '';
    return { name: user.split('@')[0], email: user, userURL: `user://d.test/${user}`, guid: `user-guid://${user.split('@')[0]}` };
  }

  private sync(message: Message, body: Record<string, unknown>, reply: (body: Record<string, unknown>) => void): void {
    const resource = String(body['resource'] ?? '');
    const object = this.owners.get(resource);
    const own = `${resource}/subscription`;
    switch (message.type) {
      case 'create': {
        if (Array.isArray(body['authorise'])) {
          const identity = { userProfile: this.profile(message.from) };
          for (const hyperty of body['authorise'] as string[]) {
            const invitation = { p2p: false, identity, source: message.from, value: body['value'], schema: body['schema'] };
            this.ask({ id: (this.numbers += 1), type: 'create', from: own, to: hyperty, body: invitation }, (answer) => { reply(answer.body ?? {}); });
          }
          return;
        }
        const value = body['value'] as Record<string, unknown>;
        const scheme = String(value['schema']).split('/').pop() === 'Connection' ? 'connection' : String(value['schema']).endsWith('Context') ? 'context' : 'comm';
        const url = `${scheme}://d.test/object-${(this.numbers += 1)}`;
        this.owners.set(url, { owner: message.from, metadata: value, observers: new Set() });
        reply({ code: 200, resource: url, childrenResources: scheme === 'comm' ? ['resources'] : [] });
        return;
      }
      case 'subscribe':
        if (!object) {
          reply({ code: 404, desc: 'there is no such object' });
          return;
        }
        reply({ code: 100, childrenResources: [], resource });
        this.ask(
          { id: (this.numbers += 1), type: 'forward', from: resource, to: object.owner, body: { type: 'subscribe', from: message.from, to: resource, mutual: false, identity: { userProfile: this.profile(message.from) } } },
          (answer) => {
            object.observers.add(message.from);
            reply({ ...answer.body, resource });
          },
        );
        return;
      case 'unsubscribe':
        if (object?.observers.delete(message.from)) {
          this.deliver({ id: (this.numbers += 1), type: 'forward', from: resource, to: object.owner, body: { type: 'unsubscribe', from: message.from, to: resource } });
        }
        reply({ code: 200 });
        return;
      case 'delete':
        this.owners.delete(resource);
        for (const observer of object?.observers ?? []) {
          this.deliver({ id: (this.numbers += 1), type: 'delete', from: own, to: observer, body: { resource } });
        }
        reply({ code: 200 });
    }
  }

  /** Asks a hyperty on behalf of the runtime. */
  private ask(message: Message, answered: (answer: Message) => void): void {
    const listener = new RuntimeBus(message.from, () => {});
    listener.expect(message, (answer) => {
      this.buses.delete(listener);
      answered(answer);
    });
    this.buses.add(listener);
    this.deliver(message);
  }

  private discover(resource: string, { dataSchemes = [], resources = [] }: { dataSchemes?: string[]; resources?: string[] }, reply: (body: Record<string, unknown>) => void): void {
    const [, kind, by, ...rest] = resource.split('/');
    const wanted = rest.join('/');
    const all = (some: string[], of: string[]): boolean => some.every((one) => of.includes(one));
    const value = kind === 'dataObject' && by === 'reporter'
      ? [...this.owners].filter(([, { owner }]) => owner === wanted).map(([url]) => ({ url, status: 'live' }))
      : [...this.registry].filter(([, one]) => one.user === wanted && all(dataSchemes, one.schemes) && all(resources, one.resources)).map(([hypertyID]) => ({ hypertyID, status: 'live' }));
    reply(value.length > 0 ? { code: 200, value } : { code: 404, description: 'Not Found' });
  }
}

class RuntimeBus implements Bus {
  private readonly listeners = new Map<string, Set<(message: Message) => void>>();
  private readonly answers = new Map<string, (answer: Message) => void>();
  private ids = 0;

  constructor(private readonly own: string, private readonly post: (message: Message) => void) {}

  addListener(address: string, listener: (message: Message) => void): Listener {
    const all = this.listeners.get(address) ?? new Set();
    this.listeners.set(address, all.add(listener));
    return { remove: () => { all.delete(listener); } };
  }

  postMessage(message: Message, answered?: (answer: Message) => void): unknown {
    message.id ??= ++this.ids;
    if (answered) this.expect(message, answered);
    this.post(JSON.parse(JSON.stringify(message)) as Message);
    return message.id;
  }

  expect(message: Message, answered: (answer: Message) => void): void {
    this.answers.set(`${message.from} ${message.id}`, answered);
  }

  wants(message: Message): boolean {
    return message.type === 'response' ? this.answers.has(`${String(message.to)} ${message.id}`) : this.listeners.has(String(message.to)) && message.from !== this.own;
  }

  take(message: Message): void {
    if (message.type === 'response') {
      const key = `${String(message.to)} ${message.id}`;
      const answered = this.answers.get(key);
      const code = message.body?.['code'];
      if (typeof code !== 'number' || code >= 200) this.answers.delete(key);
      answered?.(message);
      return;
    }
    for (const listener of this.listeners.get(String(message.to)) ?? []) listener(message);
  }
}

/** Waits until something is so. */
export async function until(isSo: () => boolean, what: string, ms = 2_000): Promise<void> {
  const end = Date.now() + ms;
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`not so after ${ms} ms: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 1); });
  }
}
