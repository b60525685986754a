/**
 * A hyperty runtime (reTHINK specs: `runtime`): it loads hyperties, protocol stubs and proxies of identity providers from the catalogues of domains,
 * runs them in sandboxes, and carries their messages to each other and to other runtimes, of its own domain and of all others.
 */
import { isDomain, isWithin, readAddress } from './address.js';
import { MessageBus } from './bus.js';
import { Catalogue, configurationOf, type Fetch } from './catalogue.js';
import { Identities, type SignIn } from './identity.js';
import { Links } from './links.js';
import { type Activate, type Body, type Bus, type Configuration, type Message, answerTo, codeOf, memberOf, textOf, textsOf } from './message.js';
import { Objects } from './objects.js';
import { Registrar } from './registrar.js';
import { type MakeSandbox, Sandbox } from './sandbox.js';

export interface RuntimeOptions {
  /** Our domain: whose node, registry and catalogue it is at home in. */
  readonly domain: string;
  /** The address of a domain's catalogue without a slash at the end, where it is not `https://catalogue.<domain>`. */
  readonly catalogueAt?: (domain: string) => string | undefined;
  /** Makes what code of others runs in. */
  readonly sandbox: MakeSandbox;
  /** What this runtime can do, as descriptors ask for it: `browser`, `node`, … */
  readonly capabilities: Record<string, boolean>;
  readonly fetch: Fetch;
  /** Hears how the ways to domains are, and what went wrong in the background. */
  readonly onStatus?: (of: string, status: string, why: string | undefined) => void;
}

/** Something that runs here. */
export interface Hyperty {
  /** Its address, `hyperty://<domain>/<id>`. */
  readonly url: string;
  readonly name: string;
  /** What its code gave, where that runs in the page. */
  readonly instance: unknown;
  /** Ends it. */
  end(): Promise<void>;
}

/** What a hyperty is found by. */
export interface Offers {
  /** Schemas of its objects, as addresses in a catalogue. */
  readonly schemas: readonly string[];
  /** What it does: `chat`, `audio`, … */
  readonly resources: readonly string[];
}

/** What an object has addresses for. */
const PART = /\/(?:subscription|changes|children\/?)$/;
/** Hyperties of a runtime at most. */
const MOST_HYPERTIES = 64;

export class HypertyRuntime {
  /** `runtime://<domain>/<id>` */
  readonly url: string;
  private readonly bus = new MessageBus();
  private readonly catalogue: Catalogue;
  private readonly links: Links;
  private readonly registrar: Registrar;
  private readonly objects: Objects;
  private readonly identities: Identities;
  private readonly hyperties = new Map<string, Hyperty>();
  private readonly schemes = new Map<string, Promise<string>>();

  constructor(private readonly options: RuntimeOptions) {
    const { domain, sandbox: makeSandbox, onStatus = () => {} } = options;
    if (!isDomain(domain)) throw new Error(`${domain} is no domain`);
    const bus = this.bus;
    this.url = `runtime://${domain}/${newId()}`;
    const { fetch, capabilities, catalogueAt } = options;
    this.catalogue = new Catalogue({ fetch, capabilities, ...(catalogueAt ? { at: catalogueAt } : {}) });
    const shared = { bus, catalogue: this.catalogue, makeSandbox, runtimeURL: this.url, domain, newId };
    this.identities = new Identities(shared);
    this.links = new Links({
      ...shared, onStatus, now: () => Date.now(),
      isOurs: (address) => this.isOurs(address),
      admit: (message) => this.admit(message),
    });
    bus.out = (message) => { this.links.send(message); };
    this.registrar = new Registrar({ bus, runtimeURL: this.url, domain, user: () => this.user, onFailure: (url, why) => { onStatus(url, 'unregistered', why); } });
    this.objects = new Objects({
      bus, runtimeURL: this.url, domain, newId,
      now: () => new Date(),
      schemeOf: (schema) => this.schemeOf(schema),
      identityOf: (url) => (this.hyperties.has(url) ? this.identities.current : undefined),
      check: (identity) => this.identities.check(identity),
      register: (value) => { void this.registrar.register(value); },
      unregister: (url) => { void this.registrar.unregister(url); },
      subscribeAt: (verb, domain, resources, source) => this.subscribeAt(verb, domain, resources, source),
    });
    bus.listen(this.registrar.address, (message) => { this.whoAmI(message); });
  }

  /** Who is signed in, as his provider says; `undefined` for nobody. */
  get identity(): Body | undefined {
    return this.identities.current;
  }

  /** What hyperties here are found by: the address of whoever is signed in, or one that stands for this runtime. */
  get user(): string {
    const profile = memberOf(this.identities.current, 'userProfile');
    return textOf(profile, 'email') ?? textOf(profile, 'userURL') ?? `guest-${this.url.split('/').pop()?.slice(0, 8) ?? ''}@${this.options.domain}`;
  }

  /** The ways to domains and how they are: `created`, `in-progress`, `live`, `failed`, `disconnected`. */
  get connections(): ReadonlyMap<string, string> {
    return this.links.status;
  }

  /** Signs in with the provider of a domain, before hyperties are loaded, so that they are found by who it is. */
  signIn(provider: string, signIn: SignIn): Promise<Body> {
    return this.identities.signIn(provider, signIn);
  }

  /**
   * Loads a hyperty, such as `hyperty-catalogue://catalogue.d/.well-known/hyperty/GroupChatManager`, and registers it. It runs in a sandbox; one of our own
   * domain may run `inPage`, where it has what pages have: WebRTC, and an `instance` to talk to.
   */
  async load(url: string, { inPage = false } = {}): Promise<Hyperty> {
    const loaded = await this.catalogue.loadFrom(url, 'hyperty');
    if (inPage && loaded.domain !== this.options.domain) throw new Error(`code of ${loaded.domain} runs in a sandbox: only that of ${this.options.domain} runs in the page`);
    const offers = { schemas: textsOf(loaded.descriptor, 'dataObjects'), resources: textsOf(loaded.descriptor, 'hypertyType') };
    const configuration = configurationOf(loaded, this.url);
    if (inPage) {
      const activate = new Function(`${loaded.code}\nreturn activate;`)() as { default: Activate<unknown> };
      return this.begin(loaded.name, loaded.url, offers, (url, bus) => Promise.resolve({ instance: activate.default(url, bus, configuration).instance }));
    }
    return this.begin(loaded.name, loaded.url, offers, async (url) => {
      const owns = (address: string): boolean => this.reports(url, address);
      const hears = (address: string): boolean => address.endsWith('/registration') || this.objects.knows(url, address.replace(PART, ''));
      const tenant = { url, code: loaded.code, configuration, owns, hears, brought: () => {} };
      const lost = (why: string): void => {
        this.options.onStatus?.(url, 'failed', why);
        void this.hyperties.get(url)?.end();
      };
      const sandbox = await Sandbox.start(this.options.sandbox, this.bus, tenant, lost);
      return { instance: undefined, end: () => { sandbox.end(); } };
    });
  }

  /** Runs a hyperty of the page's own. `make` gets its address, its bus, and where its runtime is. */
  host<T>(name: string, offers: Offers, make: (url: string, bus: Bus, configuration: Configuration) => T): Promise<Hyperty & { readonly instance: T }> {
    const descriptor = `hyperty-catalogue://catalogue.${this.options.domain}/.well-known/hyperty/${name}`;
    const made = this.begin(name, descriptor, offers, (url, bus) => Promise.resolve({ instance: make(url, bus, { runtimeURL: this.url }) }));
    return made as Promise<Hyperty & { readonly instance: T }>;
  }

  /** Ends all hyperties, takes them out of the registry, and closes all ways out. */
  async close(): Promise<void> {
    await Promise.all([...this.hyperties.values()].map((hyperty) => hyperty.end()));
    await this.registrar.close();
    this.identities.close();
    this.links.close();
    this.bus.close();
  }

  private async begin(name: string, descriptor: string, offers: Offers, run: (url: string, bus: Bus) => Promise<{ instance: unknown; end?: () => void }>): Promise<Hyperty> {
    const { domain } = this.options;
    if (this.hyperties.size >= MOST_HYPERTIES) throw new Error(`a runtime has at most ${MOST_HYPERTIES} hyperties`);
    const url = `hyperty://${domain}/${newId()}`;
    const { bus, close } = this.busOf(url);
    const end = async (): Promise<void> => {
      if (!this.hyperties.delete(url)) return;
      this.objects.drop(url);
      close();
      running?.end?.();
      await Promise.all([this.registrar.unregister(url), this.subscribeAt('unsubscribe', domain, [url], url)]);
    };
    const hyperty = { url, name, instance: undefined as unknown, end };
    this.hyperties.set(url, hyperty);
    let running: { instance: unknown; end?: () => void } | undefined;
    try {
      const dataSchemes = await Promise.all(offers.schemas.map((schema) => this.schemeOf(schema)));
      const subscribed = await this.subscribeAt('subscribe', domain, [url], `${this.url}/address-allocation`);
      if (codeOf(subscribed) >= 300) throw new Error(`the message node of ${domain} does not take ${url}: ${textOf(subscribed.body, 'desc') ?? codeOf(subscribed)}`);
      running = await run(url, bus);
      hyperty.instance = running.instance;
      const entry = { url, descriptor, resources: [...offers.resources], dataSchemes };
      await this.registrar.register(entry);
    } catch (error) {
      await end();
      throw error;
    }
    return hyperty;
  }

  /** The bus of a hyperty in the page: it speaks for itself, and for the objects that it reports. */
  private busOf(url: string): { readonly bus: Bus; readonly close: () => void } {
    const listeners = new Set<{ remove(): void }>();
    const bus: Bus = {
      addListener: (address, listener) => {
        const heard = this.bus.listen(address, (message) => { if (message.from !== url) listener(message); });
        listeners.add(heard);
        return { remove: () => { listeners.delete(heard); heard.remove(); } };
      },
      postMessage: (message, answered) => {
        // Others read who says something in a conversation.
        const isChild = message.type === 'create' && String(message.to).endsWith('/children/');
        const profile = memberOf(this.identities.current, 'userProfile');
        const body = isChild && profile !== undefined && message.body?.['identity'] === undefined ? { ...message.body, identity: { userProfile: profile } } : message.body;
        message.id ??= this.bus.nextId();
        this.bus.post({ ...message, ...(body === undefined ? {} : { body }) }, answered);
        return message.id;
      },
    };
    return { bus, close: () => { for (const listener of listeners) listener.remove(); } };
  }

  /** Whether nobody else may speak for an address: all of ours, and the objects that we report. */
  private isOurs(address: string): boolean {
    if (isWithin(address, this.url)) return true;
    const own = [...this.hyperties.keys()].some((url) => isWithin(address, url));
    // Observers put children into an object, and answer, from its address.
    return own || (this.objects.reporterOf(address.replace(/\/subscription$/, '')) !== undefined);
  }

  private reports(hyperty: string, address: string): boolean {
    return this.objects.reporterOf(address.replace(PART, '')) === hyperty;
  }

  /** An invitation says who invites: that is checked before anybody reads it. */
  private async admit(message: Message): Promise<Message | undefined> {
    const identity = memberOf(message.body, 'identity');
    if (message.type !== 'create' || identity === undefined || !this.hyperties.has(String(message.to))) return message;
    try {
      return { ...message, body: { ...message.body, identity: await this.identities.check(identity) } };
    } catch (error) {
      this.bus.post(answerTo(message, { code: 403, desc: error instanceof Error ? error.message : String(error) }));
      return undefined;
    }
  }

  private whoAmI(message: Message): void {
    if (message.type !== 'read') return;
    const resource = memberOf(this.identities.current, 'userProfile') ?? {};
    this.bus.post(answerTo(message, { code: 200, resource }, String(message.to)));
  }

  private subscribeAt(verb: 'subscribe' | 'unsubscribe', domain: string, resources: string[], source: string): Promise<Message> {
    return this.bus.ask({ type: verb, from: `${this.url}/sm`, to: `domain://msg-node.${domain}/sm`, body: { resources, source } });
  }

  /** The scheme of a schema's objects: what the schema says that `scheme` always is. */
  private schemeOf(schema: string): Promise<string> {
    const known = this.schemes.get(schema);
    if (known) return known;
    const asked = this.catalogue.loadFrom(schema, 'dataschema').then(({ code }) => {
      const scheme = textOf(memberOf(memberOf(JSON.parse(code), 'properties'), 'scheme'), 'constant');
      if (scheme === undefined || !readAddress(`${scheme}://d`)) throw new Error(`${schema} does not say \`properties.scheme.constant\``);
      return scheme;
    });
    this.schemes.set(schema, asked);
    asked.catch(() => { this.schemes.delete(schema); });
    return asked;
  }
}

function newId(): string {
  return crypto.randomUUID();
}
