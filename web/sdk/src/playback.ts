/**
 * Plays remote media in elements, and knows when the browser refuses to before the person has clicked something. A voice that is to sound
 * otherwise than it came goes through Web Audio meanwhile, and its element is silent.
 */
import { isPlain, PLAIN_TONE } from './audience.js';
import { Emitter } from './emitter.js';
import type { ToneInfo } from './protocol.js';
import { RAMP_S, ShapedVoice } from './tone.js';

/** Longer than browsers keep sound before they play it, and than they make up what does not come. */
const DRY_MS = 600;

interface PlaybackEvents {
  /** True: call {@link Playback.start} from a click. */
  blocked: boolean;
}

/** What plays in one element. */
interface Played {
  readonly stream: MediaStream;
  tone: ToneInfo;
  shaped: ShapedVoice | null;
}

export class Playback extends Emitter<PlaybackEvents> {
  readonly #elements = new Map<HTMLMediaElement, Played>();
  #context: AudioContext | null = null;
  #blocked = false;
  #sinkId = '';

  /** @param makeContext asked once, when the first voice is to sound otherwise than it came. */
  constructor(private readonly makeContext: () => AudioContext = () => new AudioContext()) {
    super();
  }

  get blocked(): boolean {
    return this.#blocked;
  }

  /** Plays `media` in `element`, so that it sounds as `tone` says, until the returned function is called. */
  attach(element: HTMLMediaElement, media: MediaStreamTrack, tone: ToneInfo = PLAIN_TONE): () => void {
    const played: Played = { stream: new MediaStream([media]), tone: PLAIN_TONE, shaped: null };
    this.#elements.get(element)?.shaped?.close();
    this.#elements.set(element, played);
    element.srcObject = played.stream;
    element.muted = false;
    if (this.#sinkId !== '') void this.#route(element);
    void this.#play(element);
    this.setTone(element, tone);
    return () => {
      if (this.#elements.get(element) !== played) return;
      this.#elements.delete(element);
      played.shaped?.close();
      element.srcObject = null;
      // Where others are heard it runs out by itself.
      if (this.#elements.size === 0) runDry(played.stream);
    };
  }

  /** Says how the voice in an element sounds from now on. */
  setTone(element: HTMLMediaElement, tone: ToneInfo): void {
    const played = this.#elements.get(element);
    if (played === undefined) return;
    played.tone = tone;
    if (!isPlain(tone) && this.#context === null) this.#openContext();
    this.#shape(element, played);
  }

  /** Tries again; call it from a click, which is what browsers wait for. */
  async start(): Promise<void> {
    this.#setBlocked(false);
    void this.#context?.resume();
    await Promise.all([...this.#elements.keys()].map((element) => this.#play(element)));
  }

  /** Sends all sound to this output device, where the browser can; `''` is the system's default. */
  async setOutput(deviceId: string): Promise<void> {
    this.#sinkId = deviceId;
    await Promise.all([this.#routeContext(), ...[...this.#elements.keys()].map((element) => this.#route(element))]);
  }

  #openContext(): void {
    const context = this.makeContext();
    this.#context = context;
    void this.#routeContext();
    context.addEventListener('statechange', () => {
      for (const [element, played] of this.#elements) this.#shape(element, played);
    });
    void context.resume();
  }

  /** The element speaks plainly, Web Audio all else; each falls silent only when the other is there, so that no syllable is lost. */
  #shape(element: HTMLMediaElement, played: Played): void {
    const context = this.#context;
    // A context that does not run is silence: better a voice from the wrong side than none.
    if (isPlain(played.tone) || context === null || context.state !== 'running') {
      element.muted = false;
      played.shaped?.close();
      played.shaped = null;
    } else if (played.shaped !== null) {
      played.shaped.set(played.tone);
    } else {
      played.shaped = new ShapedVoice(context, played.stream, played.tone);
      // Chromium takes sound off the network only for a stream that an element plays: muted, it goes on.
      setTimeout(() => {
        if (played.shaped !== null && this.#elements.get(element) === played) element.muted = true;
      }, RAMP_S * 1_000);
    }
  }

  async #routeContext(): Promise<void> {
    // Not in all browsers, and not in the types.
    const context = this.#context as (AudioContext & { setSinkId?(id: string): Promise<void> }) | null;
    // The device may be gone; the sound stays where it is.
    await context?.setSinkId?.(this.#sinkId).catch(() => undefined);
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

/**
 * Plays a voice that has ended on for a while, silently. Chromium takes sound off the network only for who plays it, and keeps what it has
 * not taken while nothing else plays: whoever is heard next in the same place would begin with the end of the one before.
 */
function runDry(stream: MediaStream): void {
  if (typeof Audio === 'undefined') return;
  const sink = new Audio();
  sink.muted = true;
  sink.srcObject = stream;
  sink.play().catch(() => undefined);
  setTimeout(() => { sink.srcObject = null; }, DRY_MS);
}

/** Whether {@link Playback.setOutput} does anything here. */
export function canChooseOutput(): boolean {
  return typeof HTMLMediaElement !== 'undefined' && 'setSinkId' in HTMLMediaElement.prototype;
}
