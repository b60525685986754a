/** Conversations in writing: a `Communication` object of whoever began, its participants, and messages as its children. */
import { type Bus, type Configuration, memberOf, textOf } from '../api.js';
import { Discovery, type Profile } from '../discovery.js';
import { type Child, type DataObject, Observed, Reported } from '../sync/object.js';
import { Failed, domainOf, schemaOf } from '../sync/request.js';
import { Syncher } from '../sync/syncher.js';

const SCHEMES = ['comm'];
const RESOURCES = ['chat'];
/** Longest text of one message, in UTF-16 code units. */
export const MOST_TEXT = 32_768;

/** A message. */
export interface ChatMessage {
  readonly id: string;
  readonly from: string;
  readonly text: string;
  /** Who wrote it, as his runtime says. */
  readonly profile: unknown;
}

/** Somebody to be invited. */
export interface User {
  readonly user: string;
  readonly domain?: string;
}

/** An invitation to a conversation. */
export interface ChatInvitation {
  readonly url: string;
  readonly name: string;
  readonly from: string;
  readonly profile: unknown;
}

/** One conversation. */
export class Chat {
  /** Of those who were invited when the conversation began: who is nowhere. An answer may take long, and the conversation does not wait for it. */
  invited: Promise<string[]> = Promise.resolve([]);

  constructor(
    private readonly object: DataObject,
    private readonly me: Profile,
    private readonly invite: (users: readonly User[]) => Promise<string[]>,
  ) {
    if (object instanceof Reported) {
      object.onSubscribed(({ hyperty, identity }) => {
        object.set(`participants.${nameOf(memberOf(identity, 'userProfile'), hyperty)}`, participant(hyperty, identity));
      });
      object.onLeft(({ hyperty }) => {
        for (const [name, one] of Object.entries(this.participants)) if (textOf(one, 'hypertyURL') === hyperty) object.set(`participants.${name}`);
      });
    }
  }

  get url(): string { return this.object.url; }
  get name(): string { return textOf(this.object.metadata, 'name') ?? ''; }

  /** Who takes part, by GUID or by hyperty. */
  get participants(): Record<string, unknown> {
    const all = this.object.data['participants'];
    return typeof all === 'object' && all !== null ? (all as Record<string, unknown>) : {};
  }

  /** Messages that others write. */
  onMessage(handler: (message: ChatMessage) => void): void {
    this.object.onChild((child) => {
      const message = messageOf(child);
      if (message) handler(message);
    });
  }

  /** Hears that somebody came or went; for whoever observes. */
  onChange(handler: () => void): void {
    if (this.object instanceof Observed) this.object.onChange(handler);
  }

  /** Hears once that the conversation is over for us. */
  onClose(handler: () => void): void {
    this.object.onEnd(handler);
  }

  /** Writes something. @throws Failed 408 when whoever keeps the conversation is away. */
  async send(text: string): Promise<ChatMessage> {
    if (text.length > MOST_TEXT) throw new Failed(413, `a message has at most ${MOST_TEXT} characters: send a file instead`);
    const identity = { userProfile: this.me };
    const { id, from } = await this.object.addChild({ type: 'chat', content: text }, identity);
    return { id, from, text, profile: this.me };
  }

  /** Invites more people; those that are nowhere are told. Only whoever keeps the conversation may. */
  addUsers(users: readonly User[]): Promise<string[]> {
    if (!(this.object instanceof Reported)) return Promise.reject(new Failed(403, 'whoever began a conversation invites to it'));
    return this.invite(users);
  }

  /** Leaves the conversation; whoever began it ends it for all. */
  close(): void {
    if (this.object instanceof Reported) this.object.delete();
    else if (this.object instanceof Observed) this.object.leave();
  }
}

/** The hyperty that has conversations. */
export class GroupChatManager {
  private readonly domain: string;
  private readonly syncher: Syncher;
  private readonly discovery: Discovery;
  private invitationHandler: ((invitation: ChatInvitation) => void) | undefined;

  constructor(readonly url: string, bus: Bus, configuration: Configuration) {
    this.domain = domainOf(url);
    this.syncher = new Syncher(url, bus, configuration);
    this.discovery = new Discovery(url, bus, configuration);
    this.syncher.onInvitation((invitation) => {
      if (!this.invitationHandler) {
        invitation.ack(404);
        return;
      }
      invitation.ack(200);
      const { url: object, from, value, identity } = invitation;
      this.invitationHandler({ url: object, from, name: textOf(value, 'name') ?? '', profile: memberOf(identity, 'userProfile') });
    });
  }

  /** Hears of invitations; {@link join} takes one. */
  onInvitation(handler: (invitation: ChatInvitation) => void): void {
    this.invitationHandler = handler;
  }

  /** Begins a conversation and invites people to it. Whoever is nowhere can be invited later. */
  async create(name: string, users: readonly User[] = []): Promise<Chat> {
    const me = await this.discovery.me();
    const startingTime = new Date().toISOString();
    const participants = { [nameOf(me, this.url)]: participant(this.url, { userProfile: me }) };
    const data = { scheme: 'comm', startingTime, status: 'open', cseq: 1, participants };
    const object = await this.syncher.create({ schema: this.schema(), name, data, resources: RESOURCES, store: true });
    const chat = new Chat(object, me, (more) => this.invite(object, more));
    chat.invited = chat.addUsers(users);
    return chat;
  }

  /** Takes part in a conversation. */
  async join(url: string): Promise<Chat> {
    const me = await this.discovery.me();
    const object = await this.syncher.subscribe(url, this.schema(), true);
    return new Chat(object, me, () => Promise.resolve([]));
  }

  private async invite(object: Reported, users: readonly User[]): Promise<string[]> {
    const nowhere: string[] = [];
    for (const { user, domain = this.domain } of users) {
      const hyperties = await this.discovery.hyperties(user, SCHEMES, RESOURCES, domain).catch(() => []);
      // At whichever of his devices he answers: one that does is enough. Many pages answer only when their user does: silence is no refusal.
      const isSilence = (error: unknown): boolean => error instanceof Failed && error.code === 408;
      const asked = await Promise.all(hyperties.map(({ url }) => object.invite(url).then(() => true, isSilence)));
      if (!asked.includes(true)) nowhere.push(user);
    }
    return nowhere;
  }

  private schema(): string {
    return schemaOf(this.domain, 'Communication');
  }
}

function messageOf({ id, from, value, identity }: Child): ChatMessage | undefined {
  const text = textOf(value, 'content');
  if (text === undefined || textOf(value, 'type') !== 'chat' || text.length > MOST_TEXT) return undefined;
  return { id, from, text, profile: memberOf(identity, 'userProfile') };
}

/** Under which name somebody takes part. Paths of changes have dots between names: an address with dots in it cannot be one. */
function nameOf(profile: unknown, hyperty: string): string {
  const guid = textOf(profile, 'guid');
  return guid !== undefined && !guid.includes('.') ? guid : (hyperty.split('/')[3] ?? 'unknown').replace(/\./g, '-');
}

function participant(hypertyURL: string, identity: unknown): Record<string, unknown> {
  return { hypertyURL, domain: domainOf(hypertyURL), identity: { userProfile: memberOf(identity, 'userProfile') ?? {} } };
}
