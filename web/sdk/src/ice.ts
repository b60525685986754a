/** Watches a peer connection and decides when ICE must start anew and when only a new transport helps. */

/** The state of our own media connection, ICE and DTLS taken together. */
export type TransportState = 'new' | 'connecting' | 'connected' | 'disconnected' | 'failed';

/** A Wi-Fi hand-over often mends itself within this time. */
const DISCONNECTED_GRACE_MS = 2_000;
/** A restart that has not connected after this is tried again; each further one waits twice as long. */
const RESTART_PATIENCE_MS = 4_000;
const RESTARTS_BEFORE_NEW_TRANSPORT = 3;

export interface IceGuardHost {
  restart(): void;
  state(state: TransportState): void;
  broken(): void;
}

export class IceGuard {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #restarts = 0;
  #paused = false;
  #wasConnected = false;
  #last: TransportState = 'new';

  constructor(private readonly pc: RTCPeerConnection, private readonly host: IceGuardHost) {
    pc.oniceconnectionstatechange = () => this.#look();
    pc.onconnectionstatechange = () => this.#look();
  }

  /** Without a socket no offer can be made; what must be done is done at {@link resume}. */
  pause(): void {
    this.#paused = true;
    clearTimeout(this.#timer);
  }

  resume(): void {
    this.#paused = false;
    // While the socket was away the path may have died without ICE having noticed yet; a restart costs one offer.
    if (this.#wasConnected && this.#state() !== 'connected') this.#restart();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.pc.oniceconnectionstatechange = null;
    this.pc.onconnectionstatechange = null;
  }

  #state(): TransportState {
    const ice = this.pc.iceConnectionState;
    if (this.pc.connectionState === 'failed' || ice === 'failed') return 'failed';
    if (ice === 'disconnected') return 'disconnected';
    if (this.pc.connectionState === 'connected' || this.pc.connectionState === 'connecting') return this.pc.connectionState;
    return this.#last === 'new' ? 'new' : 'connecting';
  }

  #look(): void {
    const state = this.#state();
    if (state !== this.#last) this.host.state(state);
    this.#last = state;
    clearTimeout(this.#timer);
    if (state === 'connected') {
      this.#wasConnected = true;
      this.#restarts = 0;
    }
    if (this.#paused) return;
    if (this.#dtlsFailed()) this.host.broken();
    else if (state === 'failed') this.#restart();
    else if (state === 'disconnected') this.#timer = setTimeout(() => this.#restart(), DISCONNECTED_GRACE_MS);
  }

  /** ICE found a path but the handshake on it failed: another path would fail alike. */
  #dtlsFailed(): boolean {
    const ice = this.pc.iceConnectionState;
    return this.pc.connectionState === 'failed' && (ice === 'connected' || ice === 'completed');
  }

  #restart(): void {
    clearTimeout(this.#timer);
    if (this.#paused) return;
    if (this.#restarts >= RESTARTS_BEFORE_NEW_TRANSPORT) {
      this.host.broken();
      return;
    }
    const patience = RESTART_PATIENCE_MS * 2 ** this.#restarts;
    this.#restarts += 1;
    this.host.restart();
    this.#timer = setTimeout(() => {
      if (this.#state() !== 'connected') this.#restart();
    }, patience);
  }
}
