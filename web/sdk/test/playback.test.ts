import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Playback } from '../src/playback.js';

const WHISPER = { gain_db: -3, pan_pct: -80 };
const PLAIN = { gain_db: 0, pan_pct: 0 };

/** As much of Web Audio as a voice needs. */
class Parameter {
  value = 0;
  cancelScheduledValues(): void {}
  setValueAtTime(): void {}
  linearRampToValueAtTime(to: number): void { this.value = to; }
}
class Node {
  static connected = 0;
  readonly gain = new Parameter();
  readonly pan = new Parameter();
  connect(to: Node): Node { Node.connected += 1; return to; }
  disconnect(): void { Node.connected -= 1; }
}
class Context extends EventTarget {
  state: 'running' | 'suspended' = 'running';
  currentTime = 0;
  readonly destination = new Node();
  createMediaStreamSource(): Node { return new Node(); }
  resume(): Promise<void> { return Promise.resolve(); }
}

/** An element that the page does not show. */
class Sink {
  static made: Sink[] = [];
  muted = false;
  srcObject: unknown = null;
  constructor() { Sink.made.push(this); }
  play(): Promise<void> { return Promise.resolve(); }
}

let context: Context;
let made: number;

beforeEach(() => {
  vi.useFakeTimers();
  [context, made, Node.connected] = [new Context(), 0, 0];
  vi.stubGlobal('MediaStream', class {});
  vi.stubGlobal('Audio', Sink);
  Sink.made = [];
  vi.stubGlobal('GainNode', Node);
  vi.stubGlobal('StereoPannerNode', Node);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function playback(): Playback {
  return new Playback(() => {
    made += 1;
    return context as unknown as AudioContext;
  });
}

function element(): HTMLMediaElement {
  return { muted: false, srcObject: null, play: () => Promise.resolve() } as unknown as HTMLMediaElement;
}

const media = {} as MediaStreamTrack;

describe('a voice', () => {
  it('that is plain never sees Web Audio', () => {
    const [player, node] = [playback(), element()];
    player.attach(node, media);
    player.setTone(node, PLAIN);
    expect([made, node.muted]).toEqual([0, false]);
  });

  it('with a tone goes through Web Audio, and its element falls silent after', () => {
    const [player, node] = [playback(), element()];
    player.attach(node, media);
    player.setTone(node, WHISPER);
    expect([Node.connected, node.muted]).toEqual([3, false]);
    vi.runAllTimers();
    expect(node.muted).toBe(true);
    player.setTone(node, { gain_db: -6, pan_pct: 80 });
    expect([Node.connected, made]).toEqual([3, 1]);
  });

  it('that is plain again speaks before Web Audio ends', () => {
    const [player, node] = [playback(), element()];
    player.attach(node, media);
    player.setTone(node, WHISPER);
    vi.runAllTimers();
    player.setTone(node, PLAIN);
    expect([Node.connected, node.muted]).toEqual([3, false]);
    vi.runAllTimers();
    expect([Node.connected, node.muted]).toEqual([0, false]);
  });

  it('that changes its mind is not silenced by what was under way', () => {
    const [player, node] = [playback(), element()];
    player.attach(node, media);
    player.setTone(node, WHISPER);
    player.setTone(node, PLAIN);
    vi.runAllTimers();
    expect([Node.connected, node.muted]).toEqual([0, false]);
  });

  it('is plain rather than silent while the browser lets no context run', () => {
    const [player, node] = [playback(), element()];
    context.state = 'suspended';
    player.attach(node, media);
    player.setTone(node, WHISPER);
    vi.runAllTimers();
    expect([Node.connected, node.muted]).toEqual([0, false]);
    context.state = 'running';
    context.dispatchEvent(new Event('statechange'));
    vi.runAllTimers();
    expect([Node.connected, node.muted]).toEqual([3, true]);
  });

  it('that ends leaves nothing behind', () => {
    const [player, node] = [playback(), element()];
    const detach = player.attach(node, media);
    player.setTone(node, WHISPER);
    detach();
    vi.runAllTimers();
    expect([Node.connected, node.srcObject, node.muted]).toEqual([0, null, false]);
  });

  it('that ends is played on for a moment, unheard: what is left of it is not the beginning of who comes next', () => {
    const [player, node] = [playback(), element()];
    player.attach(node, media)();
    const told = () => Sink.made.map(({ muted, srcObject }) => [muted, srcObject !== null]);
    expect([node.srcObject, told()]).toEqual([null, [[true, true]]]);
    vi.runAllTimers();
    expect(told()).toEqual([[true, false]]);
    player.attach(element(), media);
    player.attach(node, media)();
    expect(Sink.made).toHaveLength(1);
  });
});
