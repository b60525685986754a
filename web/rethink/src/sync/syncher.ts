/**
 * Data objects of a hyperty (specs: `messages/data-sync-messages`): it asks the runtime's own `/sm` to create them and to subscribe to those of others,
 * and hears of invitations at its own address.
 */
import { type Bus, type Configuration, type Message, memberOf, needed, textOf } from '../api.js';
import { type Data, clone } from './change.js';
import { type DataObject, type Metadata, Observed, type Owner, Reported } from './object.js';
import { Failed, request } from './request.js';

/** Another reports an object and wants us to observe it. */
export interface Invitation {
  /** The object. */
  readonly url: string;
  /** The hyperty that reports it. */
  readonly from: string;
  readonly schema: string;
  readonly value: unknown;
  readonly identity: unknown;
  /** Says that it came: 200, or why not, such as 486 for whoever is busy. */
  ack(code?: number): void;
}

export interface NewObject {
  readonly schema: string;
  readonly name: string;
  readonly data: Data;
  readonly resources: readonly string[];
  /** The runtime keeps it over a reload. */
  readonly store?: boolean;
  /** Seconds until the registry forgets it, unless it is kept alive. */
  readonly expires?: number;
}

/** Objects of one hyperty at most. */
export const MOST_OBJECTS = 256;
/** Messages that come while a subscription is under way; what is beyond is lost, and its version tells. */
const MOST_EARLY = 256;

const SUBSCRIPTION = '/subscription';

export class Syncher {
  private readonly owner: Owner;
  private readonly reported = new Map<string, Reported>();
  private readonly observed = new Map<string, Observed>();
  private invitationHandler: (invitation: Invitation) => void = (invitation) => { invitation.ack(404); };

  constructor(url: string, bus: Bus, configuration: Configuration, now: () => Date = () => new Date()) {
    const runtime = needed(configuration.runtimeURL, 'runtimeURL');
    this.owner = { bus, url, runtime, now, gone: (object) => { this.forget(object); } };
    bus.addListener(url, (message) => { if (message.from !== url) this.incoming(message); });
  }

  onInvitation(handler: (invitation: Invitation) => void): void {
    this.invitationHandler = handler;
  }

  /** Creates an object that we report. */
  async create({ schema, name, data, resources, store = false, expires }: NewObject): Promise<Reported> {
    if (this.reported.size >= MOST_OBJECTS) throw new Failed(429, `one hyperty has at most ${MOST_OBJECTS} objects`);
    const { bus, url, runtime, now } = this.owner;
    const created = now().toISOString();
    const more = expires === undefined ? {} : { expires };
    const own: Data = { schema, name: name || 'no name', reporter: url, resources: [...resources], resume: false, mutual: false, created, runtime, ...more };
    const body = { resume: false, schema, value: { ...clone(own), data: clone(data), authorise: [] }, ...(store ? { store } : {}) };
    const answer = await request(bus, { type: 'create', from: url, to: `${runtime}/sm`, body });
    const address = textOf(answer.body, 'resource');
    if (address === undefined) throw new Failed(500, 'the runtime has created an object without an address');
    const childrens = memberOf(answer.body, 'childrenResources') ?? [];
    const metadata = { ...own, p2p: false, store, url: address, status: 'live', childrens, lastModified: created } as unknown as Metadata;
    const object = new Reported(this.owner, metadata, clone(data));
    this.reported.set(address, object);
    return object;
  }

  /** Observes an object of another. */
  async subscribe(url: string, schema: string, store = false): Promise<Observed> {
    const there = this.observed.get(url);
    if (there) return there;
    if (this.observed.size >= MOST_OBJECTS) throw new Failed(429, `one hyperty observes at most ${MOST_OBJECTS} objects`);
    const { bus, runtime } = this.owner;
    const body = { resource: url, schema, store, p2p: false, resume: false, mutual: false, domain_subscription: true };
    // What changes while we subscribe comes before the answer does: it is kept, and made after.
    const early: Message[] = [];
    const listeners = ['/changes', '/children/'].map((part) => bus.addListener(`${url}${part}`, (message) => { if (early.length < MOST_EARLY) early.push(message); }));
    const answer = await request(bus, { type: 'subscribe', from: this.owner.url, to: `${runtime}/sm`, body }).catch((error: unknown) => {
      for (const listener of listeners) listener.remove();
      throw error;
    });
    for (const listener of listeners) listener.remove();
    const value = memberOf(answer.body, 'value');
    // A runtime that has stored it answers with a list.
    const whole = Array.isArray(value) ? (value as unknown[])[0] : value;
    if (typeof whole !== 'object' || whole === null) throw new Failed(500, 'the answer to a subscription has no object');
    const data = memberOf(whole, 'data');
    const metadata = { ...whole, url } as unknown as Metadata;
    const object = new Observed(this.owner, metadata, typeof data === 'object' && data !== null ? clone(data as Data) : {});
    this.observed.set(url, object);
    for (const message of early) object.take(message);
    return object;
  }

  private incoming(message: Message): void {
    switch (message.type) {
      case 'forward':
        this.reported.get(textOf(message.body, 'to') ?? '')?.forwarded(message);
        return;
      case 'create':
        this.invited(message);
        return;
      case 'delete': {
        const url = textOf(message.body, 'resource') ?? withoutSubscription(message.from);
        const object = this.observed.get(url);
        this.reply(message, { code: object ? 200 : 404, source: this.owner.url });
        object?.leave();
        return;
      }
      case 'execute':
        this.reply(message, { code: 200 });
    }
  }

  private invited(message: Message): void {
    const [from, schema] = [textOf(message.body, 'source'), textOf(message.body, 'schema')];
    if (from === undefined || schema === undefined) {
      this.reply(message, { code: 400, desc: 'an invitation has a source and a schema' });
      return;
    }
    let isAcknowledged = false;
    this.invitationHandler({
      url: textOf(message.body, 'resource') ?? withoutSubscription(message.from),
      from, schema, value: memberOf(message.body, 'value'), identity: memberOf(message.body, 'identity'),
      ack: (code = 200) => {
        if (isAcknowledged) return;
        isAcknowledged = true;
        this.reply(message, { code });
      },
    });
  }

  private reply(message: Message, body: Record<string, unknown>): void {
    if (message.id === undefined) return;
    this.owner.bus.postMessage({ id: message.id, type: 'response', from: this.owner.url, to: message.from, body });
  }

  private forget(object: DataObject): void {
    this.reported.delete(object.url);
    this.observed.delete(object.url);
  }
}

function withoutSubscription(address: string): string {
  return address.endsWith(SUBSCRIPTION) ? address.slice(0, -SUBSCRIPTION.length) : address;
}
