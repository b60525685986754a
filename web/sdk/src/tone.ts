/** A voice that sounds otherwise than it came: louder or softer, and from one side. */
import type { ToneInfo } from './protocol.js';

/** How long a voice takes from one tone to the next: short enough for nobody to notice, long enough not to click. */
export const RAMP_S = 0.03;

/** The gain of a mono voice before a `StereoPannerNode`, and its pan from -1 to 1. */
export function shapeOf({ gain_db, pan_pct }: ToneInfo): { gain: number; pan: number } {
  // The panner keeps the power of a voice: in the middle it gives each ear 3 dB less than an element does. That is made up for.
  return { gain: Math.SQRT2 * 10 ** (gain_db / 20), pan: Math.max(-1, Math.min(1, pan_pct / 100)) };
}

/** One voice on its way through Web Audio, until it is closed. It fades in, and out. */
export class ShapedVoice {
  readonly #source: MediaStreamAudioSourceNode;
  readonly #gain: GainNode;
  readonly #panner: StereoPannerNode;

  constructor(private readonly context: AudioContext, media: MediaStream, tone: ToneInfo) {
    this.#source = context.createMediaStreamSource(media);
    this.#gain = new GainNode(context, { gain: 0, channelCount: 1, channelCountMode: 'explicit' });
    const { gain, pan } = shapeOf(tone);
    this.#panner = new StereoPannerNode(context, { pan });
    this.#source.connect(this.#gain).connect(this.#panner).connect(context.destination);
    this.#ramp(this.#gain.gain, gain);
  }

  set(tone: ToneInfo): void {
    const { gain, pan } = shapeOf(tone);
    this.#ramp(this.#gain.gain, gain);
    this.#ramp(this.#panner.pan, pan);
  }

  /** Fades out; nothing of it is heard or held afterwards. */
  close(): void {
    this.#ramp(this.#gain.gain, 0);
    setTimeout(() => {
      for (const node of [this.#source, this.#gain, this.#panner]) node.disconnect();
    }, RAMP_S * 1_000 * 2);
  }

  #ramp(parameter: AudioParam, to: number): void {
    const now = this.context.currentTime;
    parameter.cancelScheduledValues(now);
    parameter.setValueAtTime(parameter.value, now);
    parameter.linearRampToValueAtTime(to, now + RAMP_S);
  }
}
