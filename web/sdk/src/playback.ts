/** Plays remote media in elements, and knows when the browser refuses to before the person has clicked something. */
import { Emitter } from './emitter.js';

interface PlaybackEvents {
  /** True: call {@link Playback.start} from a click. */
  blocked: boolean;
}

export class Playback extends Emitter<PlaybackEvents> {
  readonly #elements = new Set<HTMLMediaElement>();
  #blocked = false;
  #sinkId = '';

  get blocked(): boolean {
    return this.#blocked;
  }

  /** Plays `media` in `element` until the returned function is called. */
  attach(element: HTMLMediaElement, media: MediaStreamTrack): () => void {
    this.#elements.add(element);
    element.srcObject = new MediaStream([media]);
    if (this.#sinkId !== '') void this.#route(element);
    void this.#play(element);
    return () => {
      this.#elements.delete(element);
      element.srcObject = null;
    };
  }

  /** Tries again; call it from a click, which is what browsers wait for. */
  async start(): Promise<void> {
    this.#setBlocked(false);
    await Promise.all([...this.#elements].map((element) => this.#play(element)));
  }

  /** Sends all sound to this output device, where the browser can; `''` is the system's default. */
  async setOutput(deviceId: string): Promise<void> {
    this.#sinkId = deviceId;
    await Promise.all([...this.#elements].map((element) => this.#route(element)));
  }

  async #route(element: HTMLMediaElement): Promise<void> {
    try {
      await element.setSinkId?.(this.#sinkId);
    } catch {
      // The device is gone; the sound stays where it is.
    }
  }

  async #play(element: HTMLMediaElement): Promise<void> {
    try {
      await element.play();
    } catch (error) {
      // AbortError is another track taking the element's place, not a refusal.
      if (error instanceof DOMException && error.name === 'NotAllowedError') this.#setBlocked(true);
    }
  }

  #setBlocked(blocked: boolean): void {
    if (blocked === this.#blocked) return;
    this.#blocked = blocked;
    this.emit('blocked', blocked);
  }
}

/** Whether {@link Playback.setOutput} does anything here. */
export function canChooseOutput(): boolean {
  return typeof HTMLMediaElement !== 'undefined' && 'setSinkId' in HTMLMediaElement.prototype;
}
