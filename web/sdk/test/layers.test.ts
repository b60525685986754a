import { describe, expect, it, vi } from 'vitest';
import { ActiveEncodings, type EncodingUse } from '../src/active.js';
import { OwnChannels, protocolFor, remoteData } from '../src/channels.js';
import { preferencesFrom } from '../src/codecs.js';
import { extensionsFor, offerExtensions } from '../src/extensions.js';
import { change, NO_PREFERENCE, same } from '../src/preferences.js';
import { bitrateFor, cameraEncodings, screenEncodings } from '../src/profiles.js';
import { watchView, type Size, type ViewEnvironment } from '../src/view.js';

describe('what is asked of the encoder', () => {
  const sketch = (encodings: ReturnType<typeof cameraEncodings>): string =>
    encodings.map((e) => `${e.rid ?? '-'} /${e.scaleResolutionDownBy ?? 1} ${(e.maxBitrate ?? 0) / 1000}k ${e.scalabilityMode}`).join(', ');

  it('of a camera are three encodings, fewer of a small one', () => {
    expect(sketch(cameraEncodings({ width: 1280, height: 720 }))).toBe('q /4 150k L1T3, h /2 500k L1T3, f /1 2500k L1T3');
    expect(sketch(cameraEncodings({ width: 640, height: 360 }))).toBe('h /2 150k L1T3, f /1 500k L1T3');
    expect(sketch(cameraEncodings({ width: 320, height: 180 }))).toBe('- /1 150k L1T3');
    // A phone held upright, and a camera that does not tell.
    expect(cameraEncodings({ width: 720, height: 1280 })).toHaveLength(3);
    expect(cameraEncodings(null)).toEqual(cameraEncodings({ width: 1280, height: 720 }, 'h264'));
  });

  it('of VP9 and AV1 is one encoding with layers', () => {
    expect(sketch(cameraEncodings({ width: 1280, height: 720 }, 'vp9'))).toBe('- /1 2500k L3T3_KEY');
    expect(sketch(cameraEncodings({ width: 640, height: 360 }, 'av1'))).toBe('- /1 500k L2T3_KEY');
    expect(sketch(cameraEncodings({ width: 160, height: 90 }, 'av1'))).toBe('- /1 60k L1T3');
  });

  it('of a screen are two of full sharpness, one of few pictures', () => {
    expect(sketch(screenEncodings())).toBe('h /1 300k L1T3, f /1 2500k L1T3');
    expect(screenEncodings().map((e) => e.maxFramerate)).toEqual([5, 30]);
  });

  it('grows with the picture, and ends at 1080p', () => {
    const sizes = [[1, 1], [160, 90], [240, 135], [320, 180], [480, 270], [960, 540], [1280, 720], [1920, 1080], [7680, 4320]] as const;
    const rates = sizes.map(([width, height]) => bitrateFor({ width, height }));
    expect(rates).toEqual([...rates].sort((a, b) => a - b));
    expect([rates[0], rates.at(-1)]).toEqual([60_000, 4_000_000]);
  });
});

/** A sender as browsers have it: parameters must be written in the task in which they were read, one change at a time. */
function sender(...rids: (string | undefined)[]) {
  const encodings = rids.map((rid) => ({ ...(rid === undefined ? {} : { rid }), active: true, maxBitrate: 7 }));
  const log: string[] = [];
  let busy = false;
  let failures = 0;
  return {
    log, fail: (n: number) => { failures = n; },
    state: () => encodings.map((e) => `${e.rid ?? '-'}${e.active ? '+' : '-'}`).join(' '),
    getParameters: () => ({ encodings: encodings.map((e) => ({ ...e })) }) as unknown as RTCRtpSendParameters,
    async setParameters(parameters: RTCRtpSendParameters) {
      if (busy) throw new Error('InvalidModificationError');
      if (failures > 0) {
        failures -= 1;
        throw new Error('InvalidStateError');
      }
      busy = true;
      await Promise.resolve();
      busy = false;
      expect(parameters.encodings.map((e) => e.maxBitrate)).toEqual(encodings.map(() => 7));
      parameters.encodings.forEach((e, i) => Object.assign(encodings[i] ?? {}, { active: e.active }));
      log.push(this.state());
    },
  };
}

describe('encodings that nobody watches', () => {
  const uses = (text: string): EncodingUse[] => text.split(' ').map((word) => ({ rid: word.slice(0, -1).replace('-', ''), wanted: word.endsWith('+') }));
  const settle = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve); });
  const active = (s: ReturnType<typeof sender>) => new ActiveEncodings(s, () => Promise.resolve());

  it('are switched off and on, and the rest stays as it is', async () => {
    const s = sender('q', 'h', 'f');
    const a = active(s);
    a.set(uses('q+ h- f-'));
    await settle();
    a.set(uses('q+ h- f+'));
    await settle();
    a.set(uses('f+ q+ h-'));
    await settle();
    expect(s.log).toEqual(['q+ h- f-', 'q+ h- f+']);
  });

  it('end as the last word says, whatever comes in between', async () => {
    const s = sender('q', 'h', 'f');
    const a = active(s);
    for (const words of ['q- h- f-', 'q+ h+ f-', 'q- h+ f-', 'q+ h- f-']) a.set(uses(words));
    await settle();
    expect(s.state()).toBe('q+ h- f-');
    expect(s.log.length).toBeLessThanOrEqual(2);
  });

  it('are tried again when the browser is busy, and given up when it never can', async () => {
    const s = sender('q', 'f');
    const a = active(s);
    s.fail(2);
    a.set(uses('q+ f-'));
    await settle();
    expect(s.state()).toBe('q+ f-');
    s.fail(4);
    a.set(uses('q- f-'));
    await settle();
    expect(s.state()).toBe('q+ f-');
    a.set(uses('q- f-'));
    await settle();
    expect(s.state()).toBe('q- f-');
  });

  it('without simulcast are the one there is; what is not named is of use', async () => {
    const one = sender(undefined);
    active(one).set(uses('-'));
    const three = sender('q', 'h', 'f');
    const a = active(three);
    a.set(uses('h-'));
    await settle();
    expect([one.state(), three.state()]).toEqual(['--', 'q+ h- f+']);
    a.reset();
    await settle();
    expect(three.state()).toBe('q+ h+ f+');
  });
});

describe('preferences', () => {
  it('are rounded up, kept within what the server takes, and compared by value', () => {
    const big = change(NO_PREFERENCE, { size: { width: 641.5, height: 99_999 }, weight: 99 });
    expect(big).toEqual({ size: { width: 656, height: 16_384 }, pinned: false, weight: 8 });
    expect(change(big, { size: { width: 0, height: Number.NaN }, weight: 0 })).toEqual({ size: { width: 0, height: 0 }, pinned: false, weight: 1 });
    expect(same(change(NO_PREFERENCE, { size: { width: 1, height: 1 } }), change(NO_PREFERENCE, { size: { width: 16, height: 16 } }))).toBe(true);
    expect(same(big, NO_PREFERENCE)).toBe(false);
  });
});

/** An element that is resized, scrolled and hidden by hand. */
function window(devicePixelRatio = 1) {
  const told: string[] = [];
  let resized: (width: number, height: number) => void = () => undefined;
  let scrolled: (inView: boolean) => void = () => undefined;
  let visibility: () => void = () => undefined;
  const document = { visibilityState: 'visible', addEventListener: (_: string, f: () => void) => { visibility = f; }, removeEventListener: () => undefined };
  const observer = (bind: (call: (entries: unknown[]) => void) => void) => class {
    constructor(call: (entries: unknown[]) => void) { bind(call); }
    observe(): void { /* by hand */ }
    disconnect(): void { /* by hand */ }
  };
  const environment = {
    devicePixelRatio, document,
    ResizeObserver: observer((call) => { resized = (width, height) => call([{ contentRect: { width, height } }]); }),
    IntersectionObserver: observer((call) => { scrolled = (isIntersecting) => call([{ isIntersecting }]); }),
  } as unknown as ViewEnvironment;
  const stop = watchView({} as Element, ({ width, height }: Size) => told.push(`${width}x${height}`), environment);
  return {
    told, stop, resize: (w: number, h: number) => resized(w, h), scroll: (inView: boolean) => scrolled(inView),
    page: (state: string) => { document.visibilityState = state; visibility(); },
  };
}

describe('an element that is watched', () => {
  it('tells its first size at once, in pixels of the screen, and later ones when they have rested', () => {
    vi.useFakeTimers();
    const w = window(2);
    w.resize(320, 180);
    for (let px = 0; px < 10; px++) w.resize(321 + px, 180);
    expect(w.told).toEqual(['640x360']);
    vi.advanceTimersByTime(250);
    expect(w.told).toEqual(['640x360', '660x360']);
    vi.useRealTimers();
  });

  it('tells of a long resize once a second', () => {
    vi.useFakeTimers();
    const w = window();
    w.resize(100, 100);
    for (let i = 1; i <= 30; i++) {
      vi.advanceTimersByTime(100);
      w.resize(100 + i, 100);
    }
    expect(w.told.length).toBe(3);
    vi.useRealTimers();
  });

  it('is not seen when it is scrolled away or its page is hidden, and at once when it comes back', () => {
    vi.useFakeTimers();
    const w = window();
    w.resize(100, 50);
    w.scroll(false);
    w.scroll(true);
    vi.advanceTimersByTime(300);
    w.page('hidden');
    vi.advanceTimersByTime(300);
    w.page('visible');
    w.scroll(false);
    vi.advanceTimersByTime(300);
    w.scroll(true);
    expect(w.told).toEqual(['100x50', '0x0', '100x50', '0x0', '100x50']);
    w.scroll(false);
    w.stop();
    vi.advanceTimersByTime(300);
    expect(w.told.length).toBe(5);
    vi.useRealTimers();
  });
});

describe('what is offered', () => {
  it('is RED and a codec when asked for', () => {
    expect(preferencesFrom({})).toEqual({ video: [], audio: [] });
    expect(preferencesFrom({ codec: 'av1', red: true })).toEqual({ video: ['av1'], audio: ['red', 'opus'] });
    expect(preferencesFrom({ codec: 'av1', codecs: { video: ['VP8'] } }).video).toEqual(['VP8']);
  });

  it('has the dependency descriptor for AV1, and for whatever comes', () => {
    const offered = (codec: 'av1' | 'vp8', way: 'send' | 'receive') => extensionsFor('video', way, codec).some((uri) => uri.includes('dependency-descriptor'));
    expect([offered('av1', 'send'), offered('vp8', 'send'), offered('vp8', 'receive')]).toEqual([true, false, true]);
  });

  it('turns on only what the browser lists, and leaves the rest', () => {
    const set = vi.fn();
    const known = [{ uri: 'a', direction: 'stopped' }, { uri: 'b', direction: 'stopped' }, { uri: 'c', direction: 'sendonly' }];
    const transceiver = { getHeaderExtensionsToNegotiate: () => known, setHeaderExtensionsToNegotiate: set };
    offerExtensions(transceiver as unknown as RTCRtpTransceiver, ['a', 'c', 'z']);
    expect(set).toHaveBeenCalledWith([{ uri: 'a', direction: 'sendrecv' }, { uri: 'b', direction: 'stopped' }, { uri: 'c', direction: 'sendonly' }]);
    offerExtensions({} as RTCRtpTransceiver, ['a']);
  });
});

describe('data channels', () => {
  it('name who gets them, and who opened them', () => {
    expect([protocolFor(undefined), protocolFor(['p5', 'p7'])]).toEqual(['', 'to=p5,p7']);
    const channel = { protocol: 'p5', label: 'chat' } as RTCDataChannel;
    expect(remoteData(channel)).toEqual({ from: 'p5', label: 'chat', channel });
    expect(remoteData({ protocol: '', label: '' } as RTCDataChannel)).toBeNull();
  });

  /** A connection whose answer comes when `negotiate` says so. */
  function connection(fields: { answered: boolean; hasData: boolean }) {
    const made: (EventTarget & { close: () => void })[] = [];
    const pc = {
      remoteDescription: fields.answered ? {} : null,
      sctp: fields.hasData ? {} : null,
      createDataChannel: vi.fn(() => {
        const channel = Object.assign(new EventTarget(), { close: vi.fn() });
        made.push(channel);
        return channel;
      }),
    };
    return { pc, made, asPc: pc as unknown as RTCPeerConnection };
  }

  it('are not made between the first offer and its answer', async () => {
    const { pc, made, asPc } = connection({ answered: false, hasData: true });
    let answer = (): void => undefined;
    const negotiate = vi.fn(() => new Promise<void>((resolve) => { answer = resolve; }));
    const opened = new OwnChannels(asPc, negotiate, true).open('chat', { to: ['p5'], ordered: false });
    await Promise.resolve();
    expect(pc.createDataChannel).not.toHaveBeenCalled();
    pc.remoteDescription = {};
    answer();
    await vi.waitFor(() => expect(pc.createDataChannel).toHaveBeenCalledWith('chat', { protocol: 'to=p5', ordered: false }));
    made[0]?.dispatchEvent(new Event('open'));
    expect(await opened).toBe(made[0]);
    expect(negotiate).toHaveBeenCalledTimes(1);
  });

  it('take an offer when none had a section for them, before which the first is made', async () => {
    const { pc, made, asPc } = connection({ answered: false, hasData: false });
    const negotiate = vi.fn(() => new Promise<void>(() => undefined));
    const channels = new OwnChannels(asPc, negotiate, false);
    void channels.open('first', {});
    expect([pc.createDataChannel.mock.calls.length, negotiate.mock.calls.length]).toEqual([1, 1]);
    // The second waits for an answer, as above.
    channels.open('second', {}).catch(() => undefined);
    expect([pc.createDataChannel.mock.calls.length, negotiate.mock.calls.length]).toEqual([1, 2]);
    made[0]?.dispatchEvent(new Event('open'));
  });

  it('that end before they are open fail, and one that was open does not', async () => {
    const { made, asPc } = connection({ answered: true, hasData: true });
    const channels = new OwnChannels(asPc, () => Promise.resolve(), true);
    const opens = ['open', 'refused', 'cut'].map((label) => channels.open(label, {}));
    made[0]?.dispatchEvent(new Event('open'));
    made[1]?.dispatchEvent(new Event('close'));
    channels.close();
    expect((await Promise.allSettled(opens)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    await expect(channels.open('x'.repeat(257), {})).rejects.toMatchObject({ code: 'client.state' });
    const unanswered = connection({ answered: true, hasData: false });
    const refused = new OwnChannels(unanswered.asPc, () => Promise.reject(new Error('no')), false);
    await expect(refused.open('chat', {})).rejects.toThrow('no');
  });
});
