/** The protocol stub: a session with a message node, on the bus of a sandbox. */
import { type Bus, type Configuration, needed } from '../api.js';
import { Session, type Status } from './session.js';

/** What is used of a WebSocket. */
export interface Socket {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(): void;
}

/** What a stub takes from where it runs. */
export interface Surroundings {
  readonly open: (url: string) => Socket;
  readonly now: () => number;
  readonly random: () => number;
}

const BROWSER: Surroundings = {
  open: (url) => new WebSocket(url) as unknown as Socket,
  now: () => Date.now(),
  random: () => Math.random(),
};

/** A stub that speaks to a message node. It connects with the first message that is for the node. */
export class ColloquyProtoStub {
  private readonly node: string;
  private readonly session: Session;
  private socket: Socket | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running = false;

  constructor(
    private readonly url: string,
    private readonly bus: Bus,
    readonly config: Configuration,
    private readonly surroundings: Surroundings = BROWSER,
  ) {
    this.node = needed(config['url'], 'configuration.url, the message node\'s WebSocket,');
    const runtime = needed(config.runtimeURL, 'runtimeURL');
    this.session = new Session({ stub: needed(url, 'the stub\'s own address'), runtime, random: surroundings.random });
    bus.addListener('*', (message) => {
      this.session.outgoing(message, surroundings.now());
      this.run();
    });
    this.run();
  }

  /** The session's address at the node. */
  get runtimeSession(): string {
    return this.session.address;
  }

  /** Opens a session now, and after {@link disconnect} again. */
  connect(): void {
    this.session.connectNow(this.surroundings.now());
    this.run();
  }

  /** Closes the session until {@link connect}. */
  disconnect(): void {
    this.session.disconnect();
    this.run();
  }

  /** Does what the session wants. A bus may hand us another message while we hand it one: that is done after. */
  private run(): void {
    if (this.running) return;
    this.running = true;
    try {
      for (let effects = this.session.drain(); effects.length > 0; effects = this.session.drain()) {
        for (const effect of effects) {
          switch (effect.do) {
            case 'connect': this.open(); break;
            case 'hang-up': this.hangUp(); break;
            case 'send': this.socket?.send(effect.text); break;
            case 'deliver': this.bus.postMessage(effect.message); break;
            case 'tell': this.tell(effect.status, effect.why); break;
          }
        }
      }
    } finally {
      this.running = false;
    }
    this.schedule();
  }

  private open(): void {
    this.hangUp();
    let socket: Socket;
    try {
      socket = this.surroundings.open(this.node);
    } catch (error) {
      this.session.lost(String(error), this.surroundings.now());
      return;
    }
    this.socket = socket;
    const now = this.surroundings.now;
    // What an older socket says is of no interest any more.
    const current = (react: () => void): void => {
      if (this.socket !== socket) return;
      react();
      this.run();
    };
    socket.onopen = () => { current(() => { this.session.opened(now()); }); };
    socket.onmessage = (event: { data: unknown }) => {
      current(() => { if (typeof event.data === 'string') this.session.incoming(event.data, now()); });
    };
    // `onclose` follows, and says why.
    socket.onerror = () => {};
    socket.onclose = (event: { code?: number; reason?: string }) => {
      current(() => {
        this.socket = undefined;
        this.session.lost(reasonOf(event), now());
      });
    };
  }

  private hangUp(): void {
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
  }

  private tell(value: Status, why: string | undefined): void {
    const body = why === undefined ? { value } : { value, desc: why };
    this.bus.postMessage({ type: 'update', from: this.url, to: `${this.url}/status`, body });
  }

  private schedule(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const due = this.session.due;
    if (due === undefined) return;
    this.timer = setTimeout(() => {
      this.session.time(this.surroundings.now());
      this.run();
    }, Math.max(0, due - this.surroundings.now()));
  }
}

function reasonOf(event: { code?: number; reason?: string }): string {
  return event.reason ? event.reason : `the connection to the message node was closed (${event.code ?? 1006})`;
}
