/**
 * The sync manager of a runtime, at `<runtime>/sm` (reTHINK specs: `messages/data-sync-messages`): it makes the objects that hyperties here report,
 * invites others to them, lets who may observe them, and subscribes hyperties here to the objects of others.
 */
import { domainOf, readAddress } from './address.js';
import type { MessageBus } from './bus.js';
import { type Body, type Listener, type Message, answerTo, codeOf, memberOf, textOf, textsOf } from './message.js';

/** Objects of a runtime at most, and observers of one. */
const MOST_OBJECTS = 1_024;
const MOST_OBSERVERS = 4_096;

/** An object that a hyperty here reports. */
interface Reported {
  readonly owner: string;
  readonly schema: string;
  readonly value: Body;
  /** Hyperties that observe it, and the runtime's address that subscribed them; `undefined` for those here. */
  readonly observers: Map<string, string | undefined>;
  readonly listeners: Listener[];
}

/** What it needs of the runtime. */
export interface Keeper {
  readonly bus: MessageBus;
  readonly runtimeURL: string;
  readonly domain: string;
  readonly newId: () => string;
  readonly now: () => Date;
  /** The scheme of a schema's objects, as its descriptor says. */
  readonly schemeOf: (schema: string) => Promise<string>;
  /** Who a hyperty here is, for others. */
  readonly identityOf: (hyperty: string) => Body | undefined;
  /** Who somebody else is: what is left of what he says after it was checked. Rejects where it is wrong. */
  readonly check: (identity: unknown) => Promise<Body | undefined>;
  /** Puts an object into the registry of the domain, for as long as it lives; or takes it out. */
  readonly register: (value: Body) => void;
  readonly unregister: (url: string) => void;
  /** Subscribes the session at the node of a domain, or unsubscribes it. */
  readonly subscribeAt: (verb: 'subscribe' | 'unsubscribe', domain: string, resources: string[], source: string) => Promise<Message>;
}

export class Objects {
  private readonly reported = new Map<string, Reported>();
  /** Objects elsewhere, and the hyperties here that observe them. */
  private readonly observed = new Map<string, Set<string>>();
  private readonly own: string;

  constructor(private readonly keeper: Keeper) {
    this.own = `${keeper.runtimeURL}/sm`;
    keeper.bus.listen(this.own, (message) => { void this.asked(message); });
  }

  /** Who reports an object of this runtime. */
  reporterOf(url: string): string | undefined {
    return this.reported.get(url)?.owner;
  }

  /** Whether a hyperty here reports or observes an object. */
  knows(hyperty: string, url: string): boolean {
    const object = this.reported.get(url);
    return object?.owner === hyperty || object?.observers.has(hyperty) === true || this.observed.get(url)?.has(hyperty) === true;
  }

  /** Objects that a hyperty reports end with it, and it observes nothing any more. */
  drop(hyperty: string): void {
    for (const [url, object] of this.reported) if (object.owner === hyperty) this.remove(url, object);
    for (const [url, observers] of this.observed) if (observers.has(hyperty)) void this.leave(url, hyperty);
  }

  private async asked(message: Message): Promise<void> {
    const reply = (body: Body): void => { this.keeper.bus.post(answerTo(message, body, this.own)); };
    const resource = textOf(message.body, 'resource') ?? '';
    const object = this.reported.get(resource);
    const isOwn = object?.owner === message.from;
    try {
      switch (message.type) {
        case 'create':
          if (textsOf(message.body, 'authorise').length > 0 && object) {
            if (isOwn) await this.invite(resource, object, message, reply);
            else reply({ code: 403, desc: 'only who reports an object invites to it' });
          } else await this.create(message, reply);
          return;
        case 'subscribe':
          if (object) await this.observeHere(resource, object, message.from, message, reply);
          else await this.observe(resource, message, reply);
          return;
        case 'unsubscribe':
          if (object) this.unobserve(resource, object, message.from);
          else await this.leave(resource, message.from);
          reply({ code: 200 });
          return;
        case 'delete':
          if (isOwn && object) this.remove(resource, object);
          reply(isOwn ? { code: 200 } : { code: object ? 403 : 404, desc: 'you report no such object' });
      }
    } catch (error) {
      reply({ code: 500, desc: error instanceof Error ? error.message : String(error) });
    }
  }

  private async create(message: Message, reply: (body: Body) => void): Promise<void> {
    const { bus, domain, newId, now, register, subscribeAt, runtimeURL } = this.keeper;
    const told = memberOf(message.body, 'value');
    const schema = textOf(told, 'schema') ?? textOf(message.body, 'schema');
    if (schema === undefined) {
      reply({ code: 400, desc: 'an object has a schema' });
      return;
    }
    if (this.reported.size >= MOST_OBJECTS) {
      reply({ code: 429, desc: `a runtime has at most ${MOST_OBJECTS} objects` });
      return;
    }
    const url = `${await this.keeper.schemeOf(schema)}://${domain}/${newId()}`;
    const childrens = textsOf(told, 'childrens').length > 0 ? textsOf(told, 'childrens') : url.startsWith('comm://') ? ['resources'] : [];
    const time = now().toISOString();
    const value: Body = { ...(told as Body), url, schema, childrens, reporter: message.from, runtime: runtimeURL, status: 'live', lastModified: time };
    delete value['data'];
    delete value['authorise'];
    const subscription = bus.listen(`${url}/subscription`, (message) => { void this.fromAfar(url, message); });
    const object: Reported = { owner: message.from, schema, value, observers: new Map(), listeners: [subscription] };
    this.reported.set(url, object);
    const answer = await subscribeAt('subscribe', domain, [url, `${url}/subscription`, `${url}/children/`], message.from);
    if (codeOf(answer) >= 300) {
      this.reported.delete(url);
      subscription.remove();
      reply({ code: codeOf(answer), desc: textOf(answer.body, 'desc') ?? 'the message node refused the object' });
      return;
    }
    const schemes = [url.slice(0, url.indexOf(':'))];
    register({ ...value, dataSchemes: schemes, startingTime: time });
    reply({ code: 200, resource: url, childrenResources: childrens });
    // Whom it is for is told with it.
    for (const hyperty of textsOf(told, 'authorise')) this.inviteOne(url, object, hyperty, () => {});
  }

  private async invite(url: string, object: Reported, message: Message, reply: (body: Body) => void): Promise<void> {
    const invited = textsOf(message.body, 'authorise');
    const answers = await Promise.all(invited.map((hyperty) => new Promise<Message>((resolve) => { this.inviteOne(url, object, hyperty, resolve); })));
    const worst = answers.find((answer) => codeOf(answer) >= 300) ?? answers[0];
    reply(worst?.body ?? { code: 200 });
  }

  private inviteOne(url: string, { owner, schema, value }: Reported, to: string, answered: (answer: Message) => void): void {
    const body: Body = { p2p: false, identity: this.keeper.identityOf(owner), source: owner, schema, resource: url, value };
    this.keeper.bus.post({ type: 'create', from: `${url}/subscription`, to, body }, answered);
  }

  /** Somebody elsewhere wants to observe, or does no longer. */
  private async fromAfar(url: string, message: Message): Promise<void> {
    const object = this.reported.get(url);
    if (!object || message.type === 'response') return;
    const reply = (body: Body): void => { this.keeper.bus.post(answerTo(message, body, `${url}/subscription`)); };
    const hyperty = textOf(message.body, 'subscriber') ?? textOf(message.body, 'source') ?? message.from;
    if (message.type === 'unsubscribe') {
      // Whoever subscribed it takes it back, and nobody else.
      if (object.observers.get(hyperty) === message.from) this.unobserve(url, object, hyperty);
      return;
    }
    if (message.type === 'subscribe') await this.observeHere(url, object, hyperty, message, reply, message.from);
  }

  /** Asks who reports an object whether somebody may observe it; he answers with what is in it. */
  private async observeHere(url: string, object: Reported, hyperty: string, asked: Message, reply: (body: Body) => void, by?: string): Promise<void> {
    const { bus, check, identityOf } = this.keeper;
    if (object.observers.size >= MOST_OBSERVERS) {
      reply({ code: 429, desc: `an object has at most ${MOST_OBSERVERS} observers` });
      return;
    }
    let identity = identityOf(hyperty);
    if (by !== undefined) {
      try {
        identity = await check(memberOf(asked.body, 'identity'));
      } catch (error) {
        reply({ code: 403, desc: error instanceof Error ? error.message : String(error) });
        return;
      }
    }
    const body: Body = { type: 'subscribe', from: hyperty, to: url, mutual: false, identity };
    const answer = await bus.ask({ type: 'forward', from: url, to: object.owner, body });
    if (codeOf(answer) < 300) object.observers.set(hyperty, by);
    reply({ ...answer.body, owner: object.owner, schema: object.schema, resource: url });
  }

  private unobserve(url: string, object: Reported, hyperty: string): void {
    if (!object.observers.delete(hyperty)) return;
    this.keeper.bus.post({ type: 'forward', from: url, to: object.owner, body: { type: 'unsubscribe', from: hyperty, to: url } });
  }

  /** Subscribes a hyperty here to an object elsewhere: its changes at the node, and itself at who reports it. */
  private async observe(url: string, message: Message, reply: (body: Body) => void): Promise<void> {
    const { bus, subscribeAt, identityOf } = this.keeper;
    const domain = domainOf(url);
    if (domain === undefined || readAddress(url)?.path === '') {
      reply({ code: 400, desc: `${url} is not the address of an object` });
      return;
    }
    reply({ code: 100, resource: url });
    const hyperties = this.observed.get(url) ?? new Set();
    if (hyperties.size === 0) {
      if (this.observed.size >= MOST_OBJECTS) {
        reply({ code: 429, desc: `a runtime observes at most ${MOST_OBJECTS} objects` });
        return;
      }
      const there = await subscribeAt('subscribe', domain, [`${url}/changes`, `${url}/children/`], message.from);
      if (codeOf(there) >= 300) {
        reply({ code: codeOf(there), desc: textOf(there.body, 'desc') ?? `the message node of ${domain} refused the subscription` });
        return;
      }
    }
    this.observed.set(url, hyperties.add(message.from));
    const body: Body = { subscriber: message.from, resource: url, mutual: false, identity: identityOf(message.from) };
    const answer = await bus.ask({ type: 'subscribe', from: this.own, to: `${url}/subscription`, body });
    if (codeOf(answer) >= 300) await this.leave(url, message.from);
    reply({ ...answer.body, resource: url });
  }

  private async leave(url: string, hyperty: string): Promise<void> {
    const { bus, subscribeAt } = this.keeper;
    const hyperties = this.observed.get(url);
    if (!hyperties?.delete(hyperty)) return;
    bus.post({ type: 'unsubscribe', from: this.own, to: `${url}/subscription`, body: { subscriber: hyperty, resource: url } });
    if (hyperties.size > 0) return;
    this.observed.delete(url);
    const domain = domainOf(url);
    if (domain !== undefined) await subscribeAt('unsubscribe', domain, [`${url}/changes`, `${url}/children/`], hyperty);
  }

  private remove(url: string, { owner, observers, listeners }: Reported): void {
    const { bus, unregister, domain, subscribeAt } = this.keeper;
    this.reported.delete(url);
    for (const listener of listeners) listener.remove();
    for (const observer of observers.keys()) {
      bus.post({ type: 'delete', from: `${url}/subscription`, to: observer, body: { resource: url } }, () => {});
    }
    unregister(url);
    void subscribeAt('unsubscribe', domain, [url, `${url}/subscription`, `${url}/children/`], owner);
  }
}
