/**
 * Hyperties and objects of a runtime in the registry of its domain: put in, kept alive for as long as they are here, and taken out. All
 * others are found by the same registry, or by that of another domain.
 */
import type { MessageBus } from './bus.js';
import { type Body, type Message, answerTo, codeOf, memberOf, textOf, textsOf } from './message.js';

/** How long the registry believes that something lives, in s. */
const EXPIRES_S = 120;
/** How often it is told that it does. */
const ALIVE_MS = 50_000;

export interface RegistrarOptions {
  readonly bus: MessageBus;
  readonly runtimeURL: string;
  readonly domain: string;
  /** What somebody is registered as: his address at his provider, or what stands for nobody. */
  readonly user: () => string;
  readonly onFailure: (url: string, why: string) => void;
}

export class Registrar {
  private readonly own: string;
  private readonly entries = new Map<string, Body>();
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly options: RegistrarOptions) {
    this.own = `${options.runtimeURL}/registry/`;
    options.bus.listen(`${options.runtimeURL}/discovery/`, (message) => { void this.discover(message); });
  }

  /** Addresses that the runtime's own registry answers at. */
  get address(): string {
    return this.own;
  }

  /** Puts something into the registry. */
  async register(value: Body): Promise<Message> {
    const { runtimeURL, user } = this.options;
    const entry = { ...value, user: user(), runtime: runtimeURL, status: 'live', expires: EXPIRES_S };
    this.entries.set(String(value['url']), entry);
    this.timer ??= setInterval(() => { this.keepAlive(); }, ALIVE_MS);
    if (typeof this.timer === 'object') (this.timer as { unref?: () => void }).unref?.();
    const answer = await this.ask({ type: 'create', from: this.own, to: this.registryOf(this.options.domain), body: { policy: 'policy', value: entry } });
    if (codeOf(answer) >= 300) this.options.onFailure(String(value['url']), textOf(answer.body, 'desc') ?? textOf(answer.body, 'description') ?? `the registry says ${codeOf(answer)}`);
    return answer;
  }

  /** Takes something out of it. */
  async unregister(url: string): Promise<void> {
    const entry = this.entries.get(url);
    if (!entry) return;
    this.entries.delete(url);
    await this.ask({ type: 'delete', from: this.own, to: this.registryOf(this.options.domain), body: { value: { user: entry['user'], url } } });
  }

  /** Takes everything out. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await Promise.all([...this.entries.keys()].map((url) => this.unregister(url)));
  }

  private keepAlive(): void {
    for (const [url, entry] of this.entries) {
      void this.ask({ type: 'update', from: this.own, to: this.registryOf(this.options.domain), body: { resource: url, value: { status: 'live' }, method: 'refresh' } }).then((answer) => {
        // The registry was made anew, or had not heard of us for too long.
        if (codeOf(answer) === 404 && this.entries.has(url)) void this.register(entry);
      });
    }
  }

  /** What hyperties ask: `/hyperty/user/<who>` and `/dataObject/reporter/<hyperty>`, with what it is to be good for. */
  private async discover(message: Message): Promise<void> {
    const { bus, domain: own } = this.options;
    const criteria = memberOf(message.body, 'criteria');
    const [resources, dataSchemes] = [textsOf(criteria, 'resources'), textsOf(criteria, 'dataSchemes')];
    const [, kind, by, ...rest] = (textOf(message.body, 'resource') ?? '').split('/');
    const wanted = rest.join('/');
    const told = textOf(criteria, 'domain');
    const domain = told === undefined || told === '' ? own : told;
    const limits = { ...(resources.length > 0 ? { resources } : {}), ...(dataSchemes.length > 0 ? { dataSchemes } : {}) };
    const body: Body | undefined =
      kind === 'dataObject' && by === 'reporter' ? { resource: '.', criteria: { ...limits, reporter: wanted } }
      : kind === 'dataObject' ? { resource: wanted, criteria: limits }
      : kind === 'hyperty' && wanted !== '' ? { resource: wanted.includes('://') ? wanted : `/hyperty/idp-identifier/${wanted}`, criteria: limits }
      : undefined;
    const reply = (body: Body): void => { bus.post(answerTo(message, body)); };
    if (!body || message.type !== 'read') {
      reply({ code: 400, desc: 'ask for /hyperty/user/<address> or /dataObject/reporter/<hyperty>' });
      return;
    }
    const answer = await this.ask({ type: 'read', from: `${this.options.runtimeURL}/discovery/`, to: this.registryOf(domain), body });
    reply(answer.body ?? { code: 500 });
  }

  private registryOf(domain: string): string {
    return `domain://registry.${domain}`;
  }

  private ask(message: Message): Promise<Message> {
    return this.options.bus.ask(message);
  }
}
