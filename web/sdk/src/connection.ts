/**
 * A place in a room that outlives its sockets: hello, join, and after a loss the same again with `resume`, as often as
 * needed. It reports snapshots and events; what they mean for media is not its business.
 */
import { backoffMs } from './backoff.js';
import { ColloquyError } from './errors.js';
import { Emitter } from './emitter.js';
import type { JoinOptions } from './options.js';
import { CloseCode, PROTOCOL_VERSION, type EnterAs, type Joined, type Request, type RequestType, type ResultOf, type ServerEvent, type Welcome } from './protocol.js';
import { SignalSocket } from './socket.js';

export type ConnectionState = 'new' | 'connecting' | 'ready' | 'joined' | 'reconnecting' | 'closed';

export interface ConnectionEvents {
  state: ConnectionState;
  event: ServerEvent;
  /** We are in the room again; `resumed` tells whether as the same participant. */
  restored: { readonly snapshot: Joined; readonly resumed: boolean };
  /** No further attempt is made. */
  closed: ColloquyError;
}

export interface ConnectionOptions {
  readonly url: string;
  readonly token?: string;
  readonly client: string;
  readonly giveUpAfterMs: number;
}

/** Whoever hangs up does not want to wait for a server that does not answer. */
const LEAVE_TIMEOUT_MS = 1_500;

interface Membership {
  readonly room: string;
  readonly name: string;
  readonly as: EnterAs;
  readonly snapshots: boolean;
  resumeToken: string;
}

export class Connection extends Emitter<ConnectionEvents> {
  #socket: SignalSocket | null = null;
  #state: ConnectionState = 'new';
  #membership: Membership | null = null;
  #wake: (() => void) | null = null;
  welcome: Welcome | null = null;

  constructor(private readonly options: ConnectionOptions) {
    super();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  async connect(): Promise<Welcome> {
    this.#setState('connecting');
    globalThis.addEventListener?.('online', this.#onOnline);
    globalThis.addEventListener?.('offline', this.#onOffline);
    try {
      const welcome = await this.#open();
      this.#setState('ready');
      return welcome;
    } catch (error) {
      this.#shutDown();
      throw error;
    }
  }

  /** What stands for our place in the room, while we have one. */
  get resumeToken(): string | null { return this.#membership?.resumeToken ?? null; }

  async join(room: string, name: string, { as = 'participant', snapshots = true }: JoinOptions = {}): Promise<Joined> {
    const joined = await this.request(joinRequest({ room, name, as, snapshots }));
    this.#membership = { room: joined.room, name, as, snapshots, resumeToken: joined.resume_token };
    this.#setState('joined');
    return joined;
  }

  request<T extends RequestType>(request: Extract<Request, { type: T }>): Promise<ResultOf[T]> {
    if (this.#socket === null) {
      return Promise.reject(this.#state === 'reconnecting'
        ? new ColloquyError('client.connection_lost', 'The connection to the server is being restored.', 'Try again in a moment.')
        : new ColloquyError('client.state', 'There is no connection to a server.'));
    }
    return this.#socket.request(request);
  }

  /** Finds out soon whether the socket still works, and reconnects if it does not. */
  probe(): void {
    this.#socket?.probe();
  }

  /** The server took us out of the room; the socket stays for another `join`. */
  forgetRoom(): void {
    this.#membership = null;
    this.#setState('ready');
  }

  async leave(): Promise<void> {
    const wasIn = this.#membership !== null;
    this.#membership = null;
    // Best effort: a server that cannot hear it finds out from the closed socket and its own timer.
    if (wasIn) await this.#socket?.request({ type: 'leave' }, LEAVE_TIMEOUT_MS).catch(() => undefined);
    this.#shutDown();
  }

  #shutDown(): void {
    globalThis.removeEventListener?.('online', this.#onOnline);
    globalThis.removeEventListener?.('offline', this.#onOffline);
    this.#socket?.close();
    this.#socket = null;
    this.#setState('closed');
    this.#wake?.();
  }

  async #open(): Promise<Welcome> {
    const socket = await SignalSocket.open(this.options.url, {
      event: (event) => this.emit('event', event),
      lost: (code, reason) => this.#lost(socket, code, reason),
    });
    const { token, client } = this.options;
    try {
      this.welcome = await socket.request({ type: 'hello', version: PROTOCOL_VERSION, client, ...(token === undefined ? {} : { token }) });
    } catch (error) {
      socket.close();
      throw error;
    }
    this.#socket = socket;
    return this.welcome;
  }

  #lost(socket: SignalSocket, code: number, reason: string): void {
    // A socket that died before its `hello` was answered is the opener's business.
    if (socket !== this.#socket) return;
    this.#socket = null;
    // While reconnecting, the loop that opened this socket sees its request fail and tries again.
    if (this.#state === 'closed' || this.#state === 'reconnecting') return;
    if (code === CloseCode.ResumedElsewhere) {
      this.#fail(new ColloquyError('client.closed', 'The call was continued in another tab or window.', 'Go on there.'));
    } else if (this.#membership === null) {
      this.#fail(new ColloquyError('client.connection_lost', `The server closed the connection (${code}${reason && `, ${reason}`}).`, 'Try again.'));
    } else {
      this.#setState('reconnecting');
      void this.#reconnect(this.#membership);
    }
  }

  async #reconnect(membership: Membership): Promise<void> {
    const deadline = Date.now() + this.options.giveUpAfterMs;
    for (let attempt = 0; this.#state === 'reconnecting'; attempt++) {
      await this.#sleep(backoffMs(attempt, Math.random()));
      if (this.#state !== 'reconnecting') return;
      try {
        await this.#open();
        const restored = await this.#reenter(membership);
        this.#setState('joined');
        this.emit('restored', restored);
        return;
      } catch (error) {
        this.#socket?.close();
        this.#socket = null;
        const failure = error instanceof ColloquyError ? error : new ColloquyError('client.unreachable', String(error));
        if (!worthAnotherTry(failure) || Date.now() > deadline) {
          this.#fail(failure);
          return;
        }
      }
    }
  }

  /** The same participant if the server still knows us, else a new one under the same name, come in as the old one had. */
  async #reenter(membership: Membership): Promise<{ snapshot: Joined; resumed: boolean }> {
    let snapshot: Joined;
    let resumed = true;
    try {
      snapshot = await this.request({ type: 'resume', resume_token: membership.resumeToken });
    } catch (error) {
      if (!(error instanceof ColloquyError) || error.code !== 'resume.unknown') throw error;
      snapshot = await this.request(joinRequest(membership));
      resumed = false;
    }
    membership.resumeToken = snapshot.resume_token;
    return { snapshot, resumed };
  }

  #fail(error: ColloquyError): void {
    this.#shutDown();
    this.emit('closed', error);
  }

  #setState(state: ConnectionState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.emit('state', state);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      const self = this;
      function done(): void {
        clearTimeout(timer);
        self.#wake = null;
        resolve();
      }
      this.#wake = done;
    });
  }

  /** The network is back: there is nothing to wait for. */
  readonly #onOnline = (): void => {
    this.#wake?.();
    this.probe();
  };

  readonly #onOffline = (): void => this.probe();
}

/** What is plain is not said: so it is understood by servers that know of nothing else. */
function joinRequest({ room, name, as, snapshots }: Omit<Membership, 'resumeToken'>): Extract<Request, { type: 'join' }> {
  return { type: 'join', room, name, ...(as === 'participant' ? {} : { as }), ...(snapshots ? {} : { snapshots }) };
}

/** A refusal that time may lift, as against one that it will not. */
function worthAnotherTry(error: ColloquyError): boolean {
  return error.code.startsWith('client.') || error.code.startsWith('server.') || error.code === 'room.full' || error.code === 'limit.exceeded' || error.code === 'rate.exceeded';
}
