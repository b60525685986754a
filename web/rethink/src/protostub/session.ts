/**
 * A session with a message node by the protocol of the vertx node (`/ws`): one JSON object a frame; `open`, a token, `re-open` after a loss,
 * `close`. Pure: it is told what happened and what time it is, and says what is to be done. Sockets and timers are its owner's.
 */
import { type Body, type Message, codeOf, memberOf, textOf } from '../api.js';

/** How a session stands, in the words of the runtime's status events. */
export type Status = 'created' | 'in-progress' | 'live' | 'failed' | 'disconnected';

/** What the owner of a session does for it. */
export type Effect =
  | { readonly do: 'connect' }
  | { readonly do: 'hang-up' }
  | { readonly do: 'send'; readonly text: string }
  | { readonly do: 'deliver'; readonly message: Message }
  | { readonly do: 'tell'; readonly status: Status; readonly why?: string };

export interface SessionOptions {
  /** The address of the stub within the runtime: what has it as `via` was here already. */
  readonly stub: string;
  readonly runtime: string;
  /** In [0, 1): spreads the clients of a node that was restarted. */
  readonly random: () => number;
}

/** The address of a node's sessions. */
const SESSIONS = 'mn:/session';
/** How long a node may take to answer `open`. */
export const OPEN_MS = 10_000;
/** Waits before another attempt grow from this… */
export const FIRST_WAIT_MS = 1_000;
/** …to this. */
export const LONGEST_WAIT_MS = 30_000;
/** Messages that wait for a session. What comes then is refused, so that its sender does not wait in vain. */
export const MOST_WAITING = 256;

type State =
  /** Nobody has anything to say, and nobody had. */
  | 'idle'
  /** A socket is being opened. */
  | 'connecting'
  /** The node was asked for a session. */
  | 'opening'
  | 'live'
  /** The connection was lost; another attempt follows. */
  | 'waiting'
  /** We were told to stay away. */
  | 'closed';

export class Session {
  private state: State = 'idle';
  private token: string | undefined;
  private requests = 0;
  private asked: { readonly id: number; readonly verb: string } | undefined;
  private attempts = 0;
  private deadline: number | undefined;
  private readonly waiting: Message[] = [];
  private effects: Effect[] = [];

  constructor(private readonly options: SessionOptions) {
    this.effects.push({ do: 'tell', status: 'created' });
  }

  /** What is to be done, in this order; each once. */
  drain(): Effect[] {
    const effects = this.effects;
    this.effects = [];
    return effects;
  }

  /** When {@link time} wants to be called. */
  get due(): number | undefined {
    return this.deadline;
  }

  /** Where the session is known to the node. */
  get address(): string {
    return this.token === undefined ? this.options.runtime : `${this.options.runtime}/${this.token}`;
  }

  /** From the bus: what is for others is sent, as soon as there is a session. */
  outgoing(message: Message, now: number): void {
    if (!this.isForNode(message)) return;
    switch (this.state) {
      case 'closed':
        this.refuse(message, 'this stub was told to disconnect');
        return;
      case 'live':
        this.sendOn(message);
        return;
      case 'idle':
        this.keep(message);
        this.connect(now);
        return;
      case 'waiting':
        this.keep(message);
        // Somebody waits for an answer: the first attempts follow the message, later ones the clock.
        if (this.attempts <= 1) this.connect(now);
        return;
      case 'connecting':
      case 'opening':
        this.keep(message);
    }
  }

  /** The socket is open. */
  opened(now: number): void {
    if (this.state !== 'connecting') return;
    this.state = 'opening';
    this.ask(this.token === undefined ? 'open' : 're-open', now);
  }

  /** A frame came. What is no message is nothing. */
  incoming(text: string, now: number): void {
    const message = readMessage(text);
    if (message === undefined) return;
    if (message.from === SESSIONS) {
      this.answered(message, now);
      return;
    }
    if (textOf(message.body, 'via') === this.options.stub) return;
    this.effects.push({ do: 'deliver', message: this.via(message) });
  }

  /** The socket is closed, or could not be opened. */
  lost(why: string, now: number): void {
    if (this.state === 'closed' || this.state === 'idle' || this.state === 'waiting') return;
    this.fail('disconnected', why, now);
  }

  /** Opens a session also when nobody has anything to say, and after {@link disconnect}. */
  connectNow(now: number): void {
    if (this.state === 'idle' || this.state === 'waiting' || this.state === 'closed') this.connect(now);
  }

  /** Closes the session, and opens none until {@link connectNow}. */
  disconnect(): void {
    if (this.state === 'live') {
      this.requests += 1;
      this.send({ id: this.requests, type: 'close', from: this.address, to: SESSIONS });
    }
    const had = this.state !== 'closed';
    this.state = 'closed';
    this.token = undefined;
    this.asked = undefined;
    this.deadline = undefined;
    this.effects.push({ do: 'hang-up' });
    for (const message of this.waiting.splice(0)) this.refuse(message, 'this stub was told to disconnect');
    if (had) this.effects.push({ do: 'tell', status: 'disconnected' });
  }

  /** The time went on. */
  time(now: number): void {
    if (this.deadline === undefined || now < this.deadline) return;
    this.deadline = undefined;
    if (this.state === 'waiting') this.connect(now);
    else if (this.state === 'opening' || this.state === 'connecting') {
      this.effects.push({ do: 'hang-up' });
      this.fail('disconnected', 'the message node did not answer', now);
    }
  }

  private connect(now: number): void {
    this.state = 'connecting';
    this.deadline = now + OPEN_MS;
    this.effects.push({ do: 'tell', status: 'in-progress' }, { do: 'connect' });
  }

  private ask(verb: 'open' | 're-open', now: number): void {
    this.requests += 1;
    this.asked = { id: this.requests, verb };
    this.deadline = now + OPEN_MS;
    this.send({ id: this.requests, type: verb, from: this.address, to: SESSIONS });
  }

  private answered(answer: Message, now: number): void {
    const asked = this.asked;
    if (this.state !== 'opening' || asked === undefined || answer.type !== 'response' || answer.id !== asked.id) return;
    this.asked = undefined;
    if (codeOf(answer) === 200) {
      this.token = textOf(answer.body, 'runtimeToken') ?? this.token;
      this.state = 'live';
      this.attempts = 0;
      this.deadline = undefined;
      this.effects.push({ do: 'tell', status: 'live' });
      for (const message of this.waiting.splice(0)) this.sendOn(message);
    } else if (asked.verb === 're-open') {
      // The node has forgotten us: it was restarted, or we were away too long.
      this.token = undefined;
      this.ask('open', now);
    } else {
      this.effects.push({ do: 'hang-up' });
      this.fail('failed', textOf(answer.body, 'desc') ?? textOf(answer.body, 'description') ?? 'the message node refused a session', now);
    }
  }

  private fail(status: 'failed' | 'disconnected', why: string, now: number): void {
    this.state = 'waiting';
    this.asked = undefined;
    this.attempts += 1;
    // 2^10 is beyond the longest wait.
    const step = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(this.attempts - 1, 10));
    this.deadline = now + step / 2 + this.options.random() * (step / 2);
    this.effects.push({ do: 'tell', status, why });
    // Whoever has waited for a whole attempt learns that it failed; a session may take long to come back.
    for (const message of this.waiting.splice(0)) this.refuse(message, why);
  }

  private keep(message: Message): void {
    if (this.waiting.length >= MOST_WAITING) this.refuse(message, 'too many messages wait for a session with the message node');
    else this.waiting.push(message);
  }

  /** Tells the sender of a request; other messages want no answer. */
  private refuse(message: Message, why: string): void {
    if (message.id === undefined || message.type === 'response') return;
    const from = Array.isArray(message.to) ? (message.to[0] ?? '') : message.to;
    const body: Body = { code: 503, desc: why, via: this.options.stub };
    this.effects.push({ do: 'deliver', message: { id: message.id, type: 'response', from, to: message.from, body } });
  }

  private sendOn(message: Message): void {
    this.send(this.via(message));
  }

  private send(message: Message): void {
    this.effects.push({ do: 'send', text: JSON.stringify(message) });
  }

  /** The message, known to have been here. The one that the bus has is not ours to change. */
  private via(message: Message): Message {
    return { ...message, body: { ...message.body, via: this.options.stub } };
  }

  /**
   * A sandbox' bus gives us all that nobody else in it listens to. What is between the runtime and its sandboxes, our own status, what came
   * from here and what is for the proxy of an identity provider beside us is not for a node.
   */
  private isForNode(message: Message): boolean {
    if (textOf(message.body, 'via') === this.options.stub || message.from === this.options.stub) return false;
    const to = Array.isArray(message.to) ? message.to : [message.to];
    const isInside = (address: unknown): boolean =>
      typeof address !== 'string' || address === this.options.stub || address.startsWith(`${this.options.stub}/`) ||
      address.startsWith('hyperty-runtime://sandbox/') || address.startsWith('runtime://sandbox/') || address.startsWith('domain-idp://');
    return to.length > 0 && !to.some(isInside);
  }
}

/** A message, if it has what every message has. */
function readMessage(text: string): Message | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const to = memberOf(value, 'to');
  const isMessage = textOf(value, 'type') !== undefined && textOf(value, 'from') !== undefined && (typeof to === 'string' || Array.isArray(to));
  return isMessage ? (value as Message) : undefined;
}
