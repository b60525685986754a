/** One WebSocket: frames out with an id, results back to whoever asked, events to one handler. Knows nothing of rooms. */
import { decodeFrame, encodeRequest, MalformedFrame } from './codec.js';
import { ColloquyError } from './errors.js';
import { CloseCode, type Request, type RequestType, type ResultOf, type ServerEvent } from './protocol.js';

/** A server that takes longer than this to answer is gone; the caller reconnects. */
const REQUEST_TIMEOUT_MS = 10_000;
const OPEN_TIMEOUT_MS = 8_000;
/** When there is reason to believe that the path is dead, the answer to "are you there?" is not waited for so long. */
const PROBE_TIMEOUT_MS = 4_000;
/** After this much silence we ask something, because a dead path looks like a quiet one to a browser. */
const HEARTBEAT_MS = 10_000;

export interface SocketHandlers {
  readonly event: (event: ServerEvent) => void;
  /** Called once, for whatever reason the socket ended, unless we closed it. */
  readonly lost: (code: number, reason: string) => void;
}

interface Pending {
  readonly resolve: (result: never) => void;
  readonly reject: (error: ColloquyError) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

export class SignalSocket {
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #ended = false;
  #lastFrame = Date.now();
  readonly #heartbeat: ReturnType<typeof setInterval>;

  private constructor(private readonly ws: WebSocket, private readonly handlers: SocketHandlers) {
    ws.onmessage = (message: MessageEvent<unknown>) => this.#receive(message.data);
    ws.onclose = (close) => this.#end(close.code, close.reason);
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS / 2);
  }

  static open(url: string, handlers: SocketHandlers): Promise<SignalSocket> {
    return new Promise((resolve, reject) => {
      const ws = new WebSocket(url);
      const unreachable = (): void => {
        clearTimeout(timer);
        ws.onopen = ws.onerror = ws.onclose = null;
        ws.close();
        reject(new ColloquyError('client.unreachable', 'The server cannot be reached.', 'Check the network, then try again.'));
      };
      const timer = setTimeout(unreachable, OPEN_TIMEOUT_MS);
      ws.onerror = ws.onclose = unreachable;
      ws.onopen = () => {
        clearTimeout(timer);
        ws.onerror = null;
        resolve(new SignalSocket(ws, handlers));
      };
    });
  }

  request<T extends RequestType>(request: Extract<Request, { type: T }>, timeoutMs = REQUEST_TIMEOUT_MS): Promise<ResultOf[T]> {
    if (this.#ended) return Promise.reject(connectionLost());
    const id = this.#nextId++;
    return new Promise<ResultOf[T]>((resolve, reject) => {
      const timer = setTimeout(() => this.#timedOut(id), timeoutMs);
      this.#pending.set(id, { resolve: resolve as (result: never) => void, reject, timer });
      this.ws.send(encodeRequest(id, request));
    });
  }

  /** Closes without telling `lost`. */
  close(): void {
    if (this.#ended) return;
    this.#finish();
    this.ws.close(CloseCode.Normal);
  }

  /** Ends a socket that looks open but is not, as if the network had said so. */
  drop(reason: string): void {
    this.#end(1006, reason);
    this.ws.close();
  }

  /** Asks for a sign of life now; the answer's absence ends the socket. */
  probe(): void {
    this.request({ type: 'stats' }, PROBE_TIMEOUT_MS).catch(() => undefined);
  }

  #beat(): void {
    if (Date.now() - this.#lastFrame >= HEARTBEAT_MS && this.#pending.size === 0) this.probe();
  }

  #receive(raw: unknown): void {
    this.#lastFrame = Date.now();
    if (typeof raw !== 'string') return;
    try {
      const frame = decodeFrame(raw);
      if (frame.kind === 'event') this.handlers.event(frame.event);
      else if (frame.kind === 'result') this.#take(frame.id)?.resolve(frame.result as never);
      else if (frame.kind === 'error' && frame.id !== null) this.#take(frame.id)?.reject(ColloquyError.fromFrame(frame.error));
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error;
      console.warn('colloquy: a frame of the server was not understood:', error.message);
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending !== undefined) {
      this.#pending.delete(id);
      clearTimeout(pending.timer);
    }
    return pending;
  }

  #timedOut(id: number): void {
    this.#take(id)?.reject(new ColloquyError('client.timeout', 'The server did not answer in time.', 'Check the network.'));
    this.drop('no answer');
  }

  #end(code: number, reason: string): void {
    if (this.#ended) return;
    this.#finish();
    this.handlers.lost(code, reason);
  }

  #finish(): void {
    this.#ended = true;
    clearInterval(this.#heartbeat);
    this.ws.onmessage = this.ws.onclose = null;
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(connectionLost());
  }
}

function connectionLost(): ColloquyError {
  return new ColloquyError('client.connection_lost', 'The connection to the server was lost.', 'It is being restored.');
}
