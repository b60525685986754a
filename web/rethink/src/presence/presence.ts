/** Whether somebody is available: one `Context` object of each, which others observe without an invitation. */
import { type Bus, type Configuration, textOf } from '../api.js';
import { Discovery } from '../discovery.js';
import type { Data } from '../sync/change.js';
import type { Observed, Reported } from '../sync/object.js';
import { Failed, domainOf, schemaOf } from '../sync/request.js';
import { Syncher } from '../sync/syncher.js';

export type Availability = 'available' | 'busy' | 'away' | 'unavailable';

const SCHEMES = ['context'];
const RESOURCES = ['availability_context'];
/** The registry takes whoever is not kept alive for so long, in seconds, for gone. */
const EXPIRES_S = 30;

/** Tells how available we are. */
export class UserAvailabilityReporter {
  private readonly syncher: Syncher;
  private readonly domain: string;
  private context: Reported | undefined;

  constructor(readonly url: string, bus: Bus, configuration: Configuration) {
    this.domain = domainOf(url);
    this.syncher = new Syncher(url, bus, configuration);
  }

  /** Begins, as `available` unless told otherwise. */
  async create(first: Availability = 'available'): Promise<void> {
    if (this.context) return;
    const data = { scheme: 'context', id: this.url, values: [{ name: 'availability', type: 'availability_status', unit: 'pres', value: first }] };
    const schema = schemaOf(this.domain, 'Context');
    this.context = await this.syncher.create({ schema, name: 'myAvailability', data, resources: RESOURCES, expires: EXPIRES_S });
  }

  /** From now on. */
  async setAvailability(value: Availability): Promise<void> {
    await this.create();
    this.context?.set('values', [{ name: 'availability', type: 'availability_status', unit: 'pres', value }]);
  }

  /** Tells nothing any more. */
  stop(): void {
    this.context?.delete();
    this.context = undefined;
  }
}

/** Hears how available others are. */
export class UserAvailabilityObserver {
  private readonly syncher: Syncher;
  private readonly discovery: Discovery;
  private readonly domain: string;
  private readonly watched = new Map<string, Observed>();

  constructor(readonly url: string, bus: Bus, configuration: Configuration) {
    this.domain = domainOf(url);
    this.syncher = new Syncher(url, bus, configuration);
    this.discovery = new Discovery(url, bus, configuration);
  }

  /** Tells `changed` how available a user is, now and each time that it changes. @throws Failed 404 where he tells nobody. */
  async observe(user: string, changed: (availability: Availability) => void, domain = this.domain): Promise<() => void> {
    for (const hyperty of await this.discovery.hyperties(user, SCHEMES, RESOURCES, domain)) {
      const [object] = await this.discovery.objectsOf(hyperty.url, SCHEMES, RESOURCES, domain).catch(() => []);
      if (object === undefined) continue;
      const context = await this.syncher.subscribe(object.url, schemaOf(this.domain, 'Context'));
      this.watched.set(object.url, context);
      let isThere = true;
      const tell = (): void => { changed(isThere ? availabilityOf(context.data) : 'unavailable'); };
      context.onChange(() => {
        isThere = true;
        tell();
      });
      // Whose browser crashed says nothing any more: the registry does.
      context.onRegistration((status) => {
        isThere = status !== 'disconnected';
        tell();
      });
      context.onEnd(() => {
        this.watched.delete(object.url);
        changed('unavailable');
      });
      tell();
      return () => { context.leave(); };
    }
    throw new Failed(404, `${user} tells nobody at ${domain} how available he is`);
  }
}

/** Of an unknown word nobody knows more than that somebody is there. */
function availabilityOf(data: Data): Availability {
  const values = data['values'];
  const value = Array.isArray(values) ? textOf((values as unknown[])[0], 'value') : undefined;
  return value === 'busy' || value === 'away' || value === 'unavailable' ? value : value === undefined ? 'unavailable' : 'available';
}
