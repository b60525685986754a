/** Who is where: hyperties and objects of users, by the runtime's own discovery; and who we are, by its registry. */
import { type Bus, type Configuration, memberOf, needed, textOf } from './api.js';
import { request } from './sync/request.js';

/** A hyperty, or an object, in a registry. */
export interface Found {
  readonly url: string;
  readonly status: string;
  /** When it was last heard of, as the registry writes it; empty where it does not. */
  readonly lastModified: string;
}

/** Who somebody is, as his identity provider says. */
export type Profile = Record<string, unknown>;

export class Discovery {
  private readonly runtime: string;

  constructor(private readonly url: string, private readonly bus: Bus, configuration: Configuration) {
    this.runtime = needed(configuration.runtimeURL, 'runtimeURL');
  }

  /** Hyperties of a user (an e-mail address, or a user's URL) that take objects of these schemes and resources: those that are live first, and of these the newest. */
  hyperties(user: string, schemes: readonly string[], resources: readonly string[], domain: string): Promise<Found[]> {
    return this.find(`/hyperty/user/${user}`, 'hypertyID', { dataSchemes: [...schemes], resources: [...resources], domain });
  }

  /** Objects that a hyperty reports. */
  objectsOf(reporter: string, schemes: readonly string[], resources: readonly string[], domain: string): Promise<Found[]> {
    return this.find(`/dataObject/reporter/${reporter}`, 'url', { dataSchemes: [...schemes], resources: [...resources], domain });
  }

  /** Our own profile; empty where nobody is signed in. */
  async me(): Promise<Profile> {
    const message = { type: 'read', from: this.url, to: `${this.runtime}/registry/`, body: { resource: '.', criteria: this.url } };
    const answer = await request(this.bus, message).catch(() => undefined);
    const said = memberOf(answer?.body, 'resource') ?? memberOf(answer?.body, 'value');
    if (typeof said === 'string') return { userURL: said };
    return typeof said === 'object' && said !== null ? (said as Profile) : {};
  }

  private async find(resource: string, address: string, criteria: Record<string, unknown>): Promise<Found[]> {
    const answer = await request(this.bus, { type: 'read', from: this.url, to: `${this.runtime}/discovery/`, body: { resource, criteria } });
    const value = memberOf(answer.body, 'value');
    // A list, or a map by address.
    const entries = Array.isArray(value) ? (value as unknown[]) : typeof value === 'object' && value !== null ? Object.values(value) : [];
    const found = entries.map((entry) => ({ url: textOf(entry, address) ?? textOf(entry, 'hypertyID') ?? textOf(entry, 'url') ?? '', status: textOf(entry, 'status') ?? 'live', lastModified: textOf(entry, 'lastModified') ?? '' }));
    const others = found.filter(({ url }) => url !== '' && url !== this.url);
    // Whoever closed his page without a word stays registered for a while: the newest is where he is.
    const time = ({ lastModified }: Found): number => Date.parse(lastModified) || 0;
    return others.sort((one, other) => Number(other.status === 'live') - Number(one.status === 'live') || time(other) - time(one));
  }
}
