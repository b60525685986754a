/** Data objects: one that we report, and one of another that we observe. Children of both are messages and files in a conversation. */
import { type Body, type Bus, type Listener, type Message, codeOf, memberOf, textOf } from '../api.js';
import { type Change, type Data, apply, clone, readChange } from './change.js';
import { Failed, request } from './request.js';

/** What an object is beside its data. */
export type Metadata = Data & { readonly url: string; readonly reporter: string; readonly schema: string };

/** Something that somebody has put into an object. */
export interface Child {
  /** Its own name, `<uuid of the hyperty>#<number>`. */
  readonly id: string;
  /** The hyperty that has put it there. */
  readonly from: string;
  readonly value: unknown;
  readonly identity: unknown;
}

/** What objects have of the hyperty that they belong to. */
export interface Owner {
  readonly bus: Bus;
  readonly url: string;
  readonly runtime: string;
  readonly now: () => Date;
  /** Called once when an object ends. */
  readonly gone: (object: DataObject) => void;
}

/** Children that are kept. The oldest go first. */
export const MOST_CHILDREN = 1_000;
/** Somebody who reports may take so long to say that he has a child. */
const CHILD_MS = 3_000;

export abstract class DataObject {
  readonly children: Child[] = [];
  private listeners: Listener[] = [];
  private numbers = 0;
  private childHandler: (child: Child) => void = () => {};
  private endHandler: () => void = () => {};
  protected ended = false;

  constructor(protected readonly owner: Owner, readonly metadata: Metadata, readonly data: Data) {
    this.listen(`${this.url}/children/`, (message) => { this.take(message); });
  }

  get url(): string {
    return this.metadata.url;
  }

  /** Hears of each child that another adds. */
  onChild(handler: (child: Child) => void): void {
    this.childHandler = handler;
  }

  /** Hears once that the object is gone, or that we are no longer part of it. */
  onEnd(handler: () => void): void {
    this.endHandler = handler;
  }

  /** Puts something into the object, for all. */
  async addChild(data: Data, identity?: unknown): Promise<Child> {
    this.numbers += 1;
    const { owner, metadata } = this;
    const id = `${owner.url.split('/')[3] ?? ''}#${this.numbers}`;
    const value = { url: id, parent: this.url, reporter: owner.url, schema: metadata.schema, created: owner.now().toISOString(), runtime: owner.runtime, data };
    const body: Body = { resource: id, value, mutual: false };
    if (identity !== undefined) body['identity'] = identity;
    const message: Message = { type: 'create', from: owner.url, to: `${this.url}/children/`, body };
    const child: Child = { id, from: owner.url, value: data, identity };
    await this.share(message);
    this.keep(child);
    return child;
  }

  /** A message to one of the object's addresses. */
  take(message: Message): void {
    if (message.type === 'create' && message.from !== this.owner.url) this.addRemote(message);
  }

  /** It is over: nothing more is heard of it. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    for (const listener of this.listeners.splice(0)) listener.remove();
    this.owner.gone(this);
    this.endHandler();
  }

  protected abstract share(message: Message): Promise<void>;

  protected listen(address: string, react: (message: Message) => void): void {
    this.listeners.push(this.owner.bus.addListener(address, react));
  }

  protected addRemote(message: Message): void {
    const value = memberOf(message.body, 'value');
    const id = textOf(message.body, 'resource') ?? textOf(value, 'url');
    // What only a runtime can read is text: then it is none for us.
    if (id === undefined || id === 'heartbeat' || typeof value !== 'object' || value === null) return;
    if (message.id !== undefined) {
      this.owner.bus.postMessage({ id: message.id, type: 'response', from: String(message.to), to: message.from, body: { code: 100 } });
    }
    const child: Child = { id, from: message.from, value: memberOf(value, 'data') ?? value, identity: memberOf(message.body, 'identity') };
    this.keep(child);
    this.childHandler(child);
  }

  private keep(child: Child): void {
    this.children.push(child);
    if (this.children.length > MOST_CHILDREN) this.children.shift();
  }
}

/** A subscription that another asks for. */
export interface Subscriber {
  readonly hyperty: string;
  readonly identity: unknown;
}

/** An object of ours. */
export class Reported extends DataObject {
  /** Hyperties that observe it. */
  readonly subscribers = new Set<string>();
  private version = 0;
  private subscribedHandler: (who: Subscriber) => void = () => {};
  private leftHandler: (who: Subscriber) => void = () => {};

  constructor(owner: Owner, metadata: Metadata, data: Data) {
    super(owner, metadata, data);
    this.listen(this.url, (message) => {
      if (message.type === 'read') this.answer(message, { code: 200, value: this.whole() });
      else if (message.type === 'create') this.addRemote(message);
    });
  }

  onSubscribed(handler: (who: Subscriber) => void): void {
    this.subscribedHandler = handler;
  }

  onLeft(handler: (who: Subscriber) => void): void {
    this.leftHandler = handler;
  }

  /** Changes something, and tells all who observe. */
  set(attribute: string, value?: unknown): void {
    if (this.ended || !apply(this.data, { attribute, value })) return;
    this.version += 1;
    const lastModified = this.owner.now().toISOString();
    (this.metadata as Data)['lastModified'] = lastModified;
    const body: Body = { version: this.version, source: this.owner.url, attribute, lastModified, mutual: false };
    if (value !== undefined) body['value'] = clone(value);
    this.owner.bus.postMessage({ type: 'update', from: this.url, to: `${this.url}/changes`, body });
  }

  /** Invites a hyperty. @throws Failed with what it, or nobody, said. */
  async invite(hyperty: string): Promise<void> {
    const { owner, metadata } = this;
    const body = { resume: false, resource: this.url, schema: metadata.schema, value: clone(metadata), authorise: [hyperty], mutual: false };
    await request(owner.bus, { type: 'create', from: owner.url, to: `${owner.runtime}/sm`, body });
  }

  /** Takes the object away from all. */
  delete(): void {
    if (this.ended) return;
    const { owner } = this;
    owner.bus.postMessage({ type: 'delete', from: owner.url, to: `${owner.runtime}/sm`, body: { resource: this.url } });
    this.end();
  }

  /** What the runtime forwards: somebody wants to observe, or does no longer. */
  forwarded(message: Message): void {
    const hyperty = textOf(message.body, 'from') ?? '';
    const who = { hyperty, identity: memberOf(message.body, 'identity') };
    if (memberOf(message.body, 'type') === 'subscribe') {
      const isNew = !this.subscribers.has(hyperty);
      this.subscribers.add(hyperty);
      this.answer(message, { code: 200, schema: this.metadata.schema, value: this.whole(), mutual: false });
      if (isNew) this.subscribedHandler(who);
    } else if (memberOf(message.body, 'type') === 'unsubscribe') {
      if (this.subscribers.delete(hyperty)) this.leftHandler(who);
    }
  }

  protected share(message: Message): Promise<void> {
    this.owner.bus.postMessage(message);
    return Promise.resolve();
  }

  private whole(): Data {
    return { ...clone(this.metadata), data: clone(this.data), version: this.version };
  }

  private answer(message: Message, body: Body): void {
    this.owner.bus.postMessage({ ...(message.id === undefined ? {} : { id: message.id }), type: 'response', from: String(message.to), to: message.from, body });
  }
}

/** An object of another. */
export class Observed extends DataObject {
  private version: number;
  private changeHandler: (change: Change) => void = () => {};

  constructor(owner: Owner, metadata: Metadata, data: Data) {
    super(owner, metadata, data);
    const version = metadata['version'];
    this.version = typeof version === 'number' ? version : 0;
    this.listen(`${this.url}/changes`, (message) => { this.take(message); });
  }

  override take(message: Message): void {
    if (message.type === 'update') this.changed(message);
    else super.take(message);
  }

  /** Hears of each change, after it was made. */
  onChange(handler: (change: Change) => void): void {
    this.changeHandler = handler;
  }

  /** Hears whether whoever reports it is there: `live`, or `disconnected` when the registry has not heard of him for too long. */
  onRegistration(handler: (status: string) => void): void {
    const { owner } = this;
    const address = `${this.url}/registration`;
    this.listen(address, (message) => {
      const status = textOf(message.body, 'value');
      if (message.type === 'update' && status !== undefined) handler(status);
    });
    owner.bus.postMessage({ type: 'subscribe', from: owner.url, to: `${owner.runtime}/subscriptions`, body: { resources: [address] } });
  }

  /** Leaves the object. */
  leave(): void {
    if (this.ended) return;
    const { owner } = this;
    owner.bus.postMessage({ type: 'unsubscribe', from: owner.url, to: `${owner.runtime}/sm`, body: { resource: this.url } });
    this.end();
  }

  protected async share(message: Message): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => { reject(new Failed(408, 'nobody keeps this conversation at the moment')); }, CHILD_MS);
      this.owner.bus.postMessage(message, (answer) => {
        clearTimeout(timer);
        // 100 is all that there is: the reporter has it.
        if (codeOf(answer) < 300) resolve();
        else reject(new Failed(codeOf(answer), textOf(answer.body, 'desc') ?? 'it was refused'));
      });
    });
  }

  private changed(message: Message): void {
    const version = memberOf(message.body, 'version');
    // One that was seen already comes again now and then.
    if (typeof version === 'number') {
      if (version <= this.version) return;
      this.version = version;
    }
    const change = readChange(message.body);
    if (change !== undefined && apply(this.data, change)) this.changeHandler(change);
  }
}
