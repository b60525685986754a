/** The ways to other domains, and to our own: one protocol stub for each, loaded from the domain's catalogue when there is something to say. */
import { domainOf, isDomain } from './address.js';
import { configurationOf } from './catalogue.js';
import { type Listener, type Message, textOf } from './message.js';
import { type Ground, Sandbox } from './sandbox.js';

/** Domains that a runtime is connected with at most. */
const MOST_LINKS = 64;
/** Messages that wait for a stub at most. */
const MOST_WAITING = 256;
/** After a stub could not be loaded, it is not tried again for so long. */
const REST_MS = 10_000;

interface Link {
  readonly url: string;
  waiting: Message[];
  sandbox?: Sandbox;
  /** Set while it rests after a failure. */
  failed?: { readonly why: string; readonly at: number };
  status: string;
}

export interface LinksOptions extends Ground {
  readonly now: () => number;
  /** Whether an address is of this runtime: nobody from outside speaks for it. */
  readonly isOurs: (address: string) => boolean;
  /** Looks at what came in before anybody hears it; nothing is left of what nobody is to hear. */
  readonly admit: (message: Message) => Promise<Message | undefined>;
  readonly onStatus: (domain: string, status: string, why: string | undefined) => void;
}

export class Links {
  private readonly links = new Map<string, Link>();

  constructor(private readonly options: LinksOptions) {}

  /** Sends a message on its way out. */
  send(message: Message): void {
    const { bus, domain: own, now } = this.options;
    const domain = domainOf(String(message.to)) ?? own;
    if (!isDomain(domain)) {
      bus.refuse(message, 400, `${String(message.to)} is an address of no domain`);
      return;
    }
    const link = this.links.get(domain);
    if (link?.sandbox) {
      link.sandbox.hand(message);
      return;
    }
    if (link?.failed) {
      if (now() < link.failed.at + REST_MS) {
        bus.refuse(message, 503, link.failed.why);
        return;
      }
      this.links.delete(domain);
    }
    if (link && !link.failed) {
      if (link.waiting.length >= MOST_WAITING) bus.refuse(message, 503, `too many messages wait for the protocol stub of ${domain}`);
      else link.waiting.push(message);
      return;
    }
    if (this.links.size >= MOST_LINKS) {
      bus.refuse(message, 503, `this runtime is connected with ${MOST_LINKS} domains already`);
      return;
    }
    const url = `runtime://${own}/protostub/${this.options.newId()}`;
    const made: Link = { url, waiting: [message], status: 'created' };
    this.links.set(domain, made);
    void this.load(domain, made);
  }

  /** Domains that there are stubs of, and how they are. */
  get status(): ReadonlyMap<string, string> {
    return new Map([...this.links].map(([domain, { status }]) => [domain, status]));
  }

  /** Ends all. */
  close(): void {
    for (const { sandbox } of this.links.values()) sandbox?.end();
    this.links.clear();
  }

  private async load(domain: string, link: Link): Promise<void> {
    const { bus, catalogue, makeSandbox, runtimeURL, domain: own, isOurs } = this.options;
    let status: Listener | undefined;
    try {
      const loaded = await catalogue.loadFor(domain, 'protocolstub', 'default', own);
      const configuration = configurationOf(loaded, runtimeURL);
      const tenant = {
        url: link.url, code: loaded.code, configuration,
        owns: () => false,
        hears: () => false,
        brought: (message: Message) => {
          // A node may say anything, but not in the name of somebody here, and answers only for its own domain; ours has all who came to it.
          const answers = message.type !== 'response' || domain === own || domainOf(message.from) === domain;
          if (answers && !isOurs(message.from)) void this.bring(link, message);
        },
      };
      status = bus.listen(`${link.url}/status`, (message) => {
        link.status = textOf(message.body, 'value') ?? link.status;
        this.options.onStatus(domain, link.status, textOf(message.body, 'desc'));
      });
      link.sandbox = await Sandbox.start(makeSandbox, bus, tenant, (why) => {
        status?.remove();
        this.links.delete(domain);
        this.options.onStatus(domain, 'failed', why);
      });
      for (const message of link.waiting.splice(0)) link.sandbox.hand(message);
    } catch (error) {
      status?.remove();
      const why = `there is no way to ${domain}: ${error instanceof Error ? error.message : String(error)}`;
      link.failed = { why, at: this.options.now() };
      link.status = 'failed';
      this.options.onStatus(domain, 'failed', why);
      for (const message of link.waiting.splice(0)) bus.refuse(message, 503, why);
    }
  }

  private async bring(link: Link, message: Message): Promise<void> {
    // Only who has to be asked for an identity is waited for: all else stays in its order.
    const admitted = message.type === 'create' ? await this.options.admit(message) : message;
    if (admitted && !this.options.bus.take(admitted)) this.unheard(link, message);
  }

  /** Whoever asks somebody who is not here any more is told. */
  private unheard(link: Link, message: Message): void {
    if (message.id === undefined || !['create', 'read', 'execute', 'subscribe'].includes(message.type)) return;
    const to = String(message.to);
    link.sandbox?.hand({ id: message.id, type: 'response', from: to, to: message.from, body: { code: 404, desc: 'nobody here has this address' } });
  }
}
