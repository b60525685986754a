/**
 * Code of others runs in a sandbox: a worker or a process that has nothing of ours but a wire for messages. Who runs there has one address, speaks
 * for that address alone, and hears what is for it; a protocol stub also hands in what comes from its domain.
 */
import { answerTo, asMessage, type Configuration, type Listener, type Message } from './message.js';
import { isWithin } from './address.js';
import type { MessageBus } from './bus.js';
import type { Catalogue } from './catalogue.js';

/** The wire to a sandbox. */
export interface Wire {
  send(words: ToSandbox): void;
  /** Ends it at once, whatever it does. */
  end(): void;
  onwords: (words: unknown) => void;
  /** It failed, or ended by itself. */
  onend: (why: string) => void;
}

/** Makes sandboxes. */
export type MakeSandbox = () => Wire;

/** What those need who load code and run it in sandboxes. */
export interface Ground {
  readonly bus: MessageBus;
  readonly catalogue: Catalogue;
  readonly makeSandbox: MakeSandbox;
  readonly runtimeURL: string;
  /** The runtime's own domain. */
  readonly domain: string;
  readonly newId: () => string;
}

/** What goes in. */
export type ToSandbox =
  | { readonly do: 'start'; readonly url: string; readonly code: string; readonly configuration: Configuration }
  | { readonly do: 'message'; readonly message: Message };

/** What it was started for. */
export interface Tenant {
  /** Its address in the runtime. */
  readonly url: string;
  readonly code: string;
  readonly configuration: Configuration;
  /** Whether an address that is not below its own is its own all the same: an object that it reports. */
  readonly owns: (address: string) => boolean;
  /** Whether what an object tells its observers is for it, too. */
  readonly hears: (address: string) => boolean;
  /** Takes what others have sent, from a stub. */
  readonly brought: (message: Message) => void;
}

/** How long code may take to be evaluated. */
const START_MS = 10_000;
/** Addresses that one sandbox listens to at most. */
const MOST_ADDRESSES = 1_024;

export class Sandbox {
  private readonly listeners = new Map<string, Listener>();
  private ended = false;

  private constructor(private readonly wire: Wire, private readonly bus: MessageBus, private readonly tenant: Tenant, private readonly lost: (why: string) => void) {}

  /** Runs code; resolves when it was evaluated and its instance made. `lost` is called when it ends later, and nobody asked for it. */
  static start(make: MakeSandbox, bus: MessageBus, tenant: Tenant, lost: (why: string) => void): Promise<Sandbox> {
    return new Promise((resolve, reject) => {
      const wire = make();
      const sandbox = new Sandbox(wire, bus, tenant, lost);
      const fail = (why: string): void => {
        clearTimeout(timer);
        sandbox.end();
        reject(new Error(`${tenant.url} did not start: ${why}`));
      };
      const timer = setTimeout(() => { fail(`its code took longer than ${START_MS / 1_000} s`); }, START_MS);
      wire.onend = fail;
      wire.onwords = (words) => {
        const said = words as { do?: unknown; why?: unknown };
        if (said?.do === 'started') {
          clearTimeout(timer);
          wire.onwords = (words) => { sandbox.hear(words); };
          wire.onend = (why) => { sandbox.gone(why); };
          resolve(sandbox);
        } else if (said?.do === 'failed') fail(String(said.why).slice(0, 500));
        else sandbox.hear(words);
      };
      wire.send({ do: 'start', url: tenant.url, code: tenant.code, configuration: tenant.configuration });
    });
  }

  /** Hands in a message. */
  hand(message: Message): void {
    if (!this.ended) this.wire.send({ do: 'message', message });
  }

  /** Ends it. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    for (const listener of this.listeners.values()) listener.remove();
    this.listeners.clear();
    this.wire.end();
  }

  private gone(why: string): void {
    if (this.ended) return;
    this.end();
    this.lost(why);
  }

  private hear(words: unknown): void {
    if (this.ended || typeof words !== 'object' || words === null) return;
    const said = words as { do?: unknown; address?: unknown; message?: unknown };
    const address = typeof said.address === 'string' ? said.address : '';
    switch (said.do) {
      case 'listen':
        this.listen(address);
        return;
      case 'forget':
        this.listeners.get(address)?.remove();
        this.listeners.delete(address);
        return;
      case 'message': {
        const message = asMessage(said.message);
        if (message) this.posted(message);
      }
    }
  }

  /** It hears its own address, and what objects tell that it observes; not what is for others here. */
  private listen(address: string): void {
    const { url, hears } = this.tenant;
    const isObject = /\/(?:changes|children\/?|registration)$/.test(address);
    if ((!this.isOwn(address) && !isObject) || this.listeners.has(address) || this.listeners.size >= MOST_ADDRESSES) return;
    // Whether it observes is looked at each time: it listens before it may hear, so that it misses nothing.
    const take = (message: Message): void => { if (message.from !== url && (this.isOwn(address) || hears(address))) this.hand(message); };
    this.listeners.set(address, this.bus.listen(address, take));
  }

  private posted(message: Message): void {
    // Observers answer from where they heard a question.
    const answers = message.type === 'response' && this.listeners.has(message.from);
    if (!this.isOwn(message.from) && !answers) {
      this.tenant.brought(message);
      return;
    }
    // Nodes and registries know a runtime as one: what it tells them is the runtime's business.
    const isComponent = (Array.isArray(message.to) ? message.to : [message.to]).some((to) => /^(?:domain|global|mn):/.test(to));
    if (isComponent) {
      this.hand(answerTo(message, { code: 403, desc: 'code in a sandbox asks the runtime, and not its node' }, String(message.to)));
      return;
    }
    // The answer goes back in, where the bus of the sandbox knows who asked.
    const asks = message.id !== undefined && message.type !== 'response';
    this.bus.post(message, asks ? (answer) => { this.hand(answer); } : undefined);
  }

  private isOwn(address: string): boolean {
    return isWithin(address, this.tenant.url) || this.tenant.owns(address);
  }
}
