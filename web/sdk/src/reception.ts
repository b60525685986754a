/** What we want to receive in all and how others are to be heard: said again whenever the server may have forgotten it. */
import type { Downlink } from './preferences.js';
import type { AudioMode, AudioPath, Device, Request } from './protocol.js';

/** Where it is said. */
export interface ReceptionHost {
  /** Whether there is somebody to say it to. */
  isJoined(): boolean;
  say(request: Extract<Request, { type: 'downlink' | 'audio' }>): void;
  /** Others are heard another way from now on. */
  audioPath(path: AudioPath): void;
}

export class Reception {
  #downlink: Downlink = {};
  #toldDownlink = false;
  #mode: AudioMode;
  #toldMode = false;
  #path: AudioPath = 'forward';

  constructor(private readonly device: Device, private readonly host: ReceptionHost) {
    this.#mode = device === 'screen' ? 'forward' : 'auto';
  }

  /** Pictures are of no use on the device. */
  get onlyHears(): boolean { return this.device === 'earpiece' || this.device === 'watch'; }
  get mode(): AudioMode { return this.#mode; }
  get path(): AudioPath { return this.#path; }

  setDownlink(downlink: Downlink): void {
    this.#downlink = downlink;
    this.#toldDownlink = true;
    this.#tellDownlink();
  }

  /** What only hears takes one voice: `forward` is `auto` there. */
  setMode(mode: AudioMode): void {
    this.#mode = mode === 'forward' && this.onlyHears ? 'auto' : mode;
    this.#tellMode();
  }

  setPath(path: AudioPath): void {
    if (path === this.#path) return;
    this.#path = path;
    this.host.audioPath(path);
  }

  /** Says all that is not as a server takes it for granted. */
  tell(): void {
    this.#tellDownlink();
    this.#tellMode();
  }

  #tellDownlink(): void {
    if (!this.host.isJoined() || (!this.#toldDownlink && this.device === 'screen')) return;
    const { lastN, maxBps } = this.#downlink;
    this.host.say({
      type: 'downlink',
      ...(lastN === undefined ? {} : { last_n: lastN }), ...(maxBps === undefined ? {} : { max_bps: maxBps }),
      ...(this.device === 'screen' ? {} : { device: this.device }),
    });
  }

  #tellMode(): void {
    // A server that nobody told forwards.
    if (!this.host.isJoined() || (this.#mode === 'forward' && !this.#toldMode)) return;
    this.#toldMode = true;
    this.host.say({ type: 'audio', mode: this.#mode });
  }
}
