/** The hyperty that calls: sound and pictures between two people, by `Connection` objects. */
import { type Bus, type Configuration, memberOf, textOf } from '../api.js';
import { Discovery } from '../discovery.js';
import { Failed, domainOf, schemaOf } from '../sync/request.js';
import { type Invitation, Syncher } from '../sync/syncher.js';
import { Call, type Peer } from './call.js';

/** Who is asked for a call's media path, and in whose browser. */
export interface Surroundings {
  readonly peer: (configuration: RTCConfiguration) => Peer;
}

const BROWSER: Surroundings = { peer: (configuration) => new RTCPeerConnection(configuration) };

const SCHEMES = ['connection'];
const RESOURCES = ['audio', 'video'];
/** What an invitation is answered with by whoever is in a call. */
const BUSY = 486;

export class Connector {
  private readonly domain: string;
  private readonly syncher: Syncher;
  private readonly discovery: Discovery;
  /** By the other's hyperty. */
  private readonly calls = new Map<string, Call>();
  private invitationHandler: ((call: Call, profile: unknown) => void) | undefined;

  constructor(
    readonly url: string,
    bus: Bus,
    private readonly configuration: Configuration,
    private readonly surroundings: Surroundings = BROWSER,
  ) {
    this.domain = domainOf(url);
    this.syncher = new Syncher(url, bus, configuration);
    this.discovery = new Discovery(url, bus, configuration);
    this.syncher.onInvitation((invitation) => { void this.invited(invitation); });
  }

  /** Hears of a call that comes, and who calls. Without anybody who hears, calls are declined. */
  onInvitation(handler: (call: Call, profile: unknown) => void): void {
    this.invitationHandler = handler;
  }

  /** Calls a user: his address, and the domain at which he is. @throws Failed 404 when he is nowhere, 486 when he is busy. */
  async connect(user: string, stream: MediaStream, name = 'Connection', domain = this.domain): Promise<Call> {
    const hyperty = user.startsWith('hyperty://') ? user : (await this.discovery.hyperties(user, SCHEMES, RESOURCES, domain))[0]?.url;
    if (hyperty === undefined) throw new Failed(404, `${user} is nowhere at ${domain} with something to call`);
    const call = this.begin({ name, owner: this.url, called: hyperty, remote: hyperty, identity: undefined });
    try {
      await call.offer(stream);
    } catch (error) {
      call.end(error instanceof Failed && error.code === BUSY ? 'busy' : 'failed');
      throw error;
    }
    return call;
  }

  private async invited(invitation: Invitation): Promise<void> {
    const ongoing = this.calls.get(invitation.from);
    if (!ongoing && (this.calls.size > 0 || !this.invitationHandler)) {
      invitation.ack(this.calls.size > 0 ? BUSY : 404);
      return;
    }
    invitation.ack(200);
    // Whom we called answers with an object of his own.
    const call = ongoing ?? this.begin({
      name: textOf(invitation.value, 'name') ?? 'Connection', owner: invitation.from, called: this.url, remote: invitation.from, identity: invitation.identity,
    });
    try {
      call.observe(await this.syncher.subscribe(invitation.url, this.schema()));
    } catch {
      call.end('failed');
      return;
    }
    if (!ongoing) this.invitationHandler?.(call, memberOf(invitation.identity, 'userProfile') ?? { name: 'unknown', userURL: '' });
  }

  private begin(who: { name: string; owner: string; called: string; remote: string; identity: unknown }): Call {
    const call: Call = new Call({
      ...who,
      peer: this.surroundings.peer(rtcConfiguration(this.configuration)),
      report: async (data) => {
        const object = await this.syncher.create({ schema: this.schema(), name: who.name, data, resources: RESOURCES });
        try {
          await object.invite(who.remote);
        } catch (error) {
          object.delete();
          throw error;
        }
        return object;
      },
      ended: () => { if (this.calls.get(who.remote) === call) this.calls.delete(who.remote); },
    });
    this.calls.get(who.remote)?.end('gone');
    this.calls.set(who.remote, call);
    return call;
  }

  private schema(): string {
    return schemaOf(this.domain, 'Connection');
  }
}

/** `configuration.webrtc` of the descriptor: which STUN and TURN servers. */
function rtcConfiguration(configuration: Configuration): RTCConfiguration {
  const servers = memberOf(configuration['webrtc'], 'iceServers');
  return Array.isArray(servers) ? { iceServers: servers as RTCIceServer[] } : {};
}
