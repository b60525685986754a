import { afterEach, describe, expect, it, vi } from 'vitest';
import { ColloquyError } from '../src/errors.js';
import { Places, type PlacesHost } from '../src/places.js';
import { change, NO_PREFERENCE, type ViewPreference } from '../src/preferences.js';
import type { Kind, Request } from '../src/protocol.js';

/** A peer connection of three lines, and a server that says yes until told otherwise. */
function stage(spares = false) {
  const offers = { wanted: 0 };
  const made: { mid: string | null; currentDirection: string | null; stopped: boolean; receiver: { track: { kind: Kind; enabled: boolean } } }[] = [];
  const said: string[] = [];
  const told: string[] = [];
  const preferences = new Map<string, ViewPreference>();
  const pins = new Map<string, string>();
  let refuse: ColloquyError | null = null;
  const host: PlacesHost = {
    addTransceiver(kind) {
      const transceiver = { mid: null, currentDirection: null, stopped: false, receiver: { track: { kind, enabled: true } }, stop() { this.stopped = true; } };
      made.push(transceiver);
      return transceiver as unknown as RTCRtpTransceiver;
    },
    negotiate: () => { offers.wanted += 1; return Promise.resolve(); },
    spares: () => (spares ? ['audio', 'video'] : []),
    request(request: Extract<Request, { type: 'subscribe' | 'prefer' }>) {
      said.push(request.type === 'subscribe' ? `${request.mid}=${request.track}${request.pin === undefined ? '' : ` first ${request.pin}`}` : `${request.mid}~${request.width ?? '*'}x${request.height ?? '*'}${request.pinned ? ' pinned' : ''}`);
      return refuse === null ? Promise.resolve() : Promise.reject(refuse);
    },
    preference: (track) => preferences.get(track) ?? NO_PREFERENCE,
    pin: (track) => pins.get(track) ?? null,
    attached: (track) => told.push(`+${track}`),
    detached: (track) => told.push(`-${track}`),
    failed: (track, error) => told.push(`!${track} ${error.code}`),
  };
  const places = new Places(host);
  const answer = (): void => {
    const subscriptions = (made.forEach((t, i) => { t.mid = String(i); }), places.subscriptions());
    made.forEach((t) => { t.currentDirection = 'recvonly'; });
    places.answered(subscriptions);
  };
  const settle = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve); });
  const look = (track: string, wish: Partial<ViewPreference>): void => {
    preferences.set(track, change(preferences.get(track) ?? NO_PREFERENCE, wish));
    places.prefer(track);
  };
  return { look, pins, offers, places, made, said, told, answer, settle, refuse: (error: ColloquyError | null) => { refuse = error; } };
}

describe('places', () => {
  afterEach(() => { vi.useRealTimers(); });

  it('are made for new tracks, and filled by the offer', () => {
    const { places, made, said, told, answer } = stage();
    places.want('t1', 'audio');
    places.want('t2', 'video');
    places.want('t2', 'video');
    answer();
    expect([made.length, said, told]).toEqual([2, [], ['+t1', '+t2']]);
    expect(places.media('t2')).not.toBeNull();
  });

  it('are used again without an offer, kind by kind', async () => {
    const { places, made, said, told, answer, settle } = stage();
    places.want('t1', 'video');
    answer();
    places.forget('t1');
    places.want('t2', 'audio');
    places.want('t3', 'video');
    await settle();
    expect([made.length, said, told]).toEqual([2, ['0=t3'], ['+t1', '-t1', '+t3']]);
  });

  it('are taken again by who comes back, and at once', async () => {
    const { places, made, said, answer, settle } = stage();
    for (const track of ['t1', 't2']) places.want(track, 'audio');
    answer();
    places.forget('t1');
    places.forget('t2');
    places.want('t2', 'audio');
    expect(made.map(({ receiver }) => receiver.track.enabled)).toEqual([false, true]);
    await settle();
    expect(said).toEqual(['1=t2']);
  });

  it('are taken in the order in which they became idle, unused ones first', async () => {
    const { places, said, answer, settle } = stage();
    for (const track of ['t1', 't2', 't3']) places.want(track, 'audio');
    answer();
    places.forget('t2');
    places.forget('t1');
    for (const track of ['t4', 't5']) places.want(track, 'audio');
    await settle();
    expect(said).toEqual(['1=t4', '0=t5']);
  });

  it('play nothing of who went, and all of who comes next', async () => {
    const { places, made, answer, settle } = stage();
    places.want('t1', 'audio');
    answer();
    const track = made[0]?.receiver.track;
    expect(track?.enabled).toBe(true);
    places.forget('t1');
    expect(track?.enabled).toBe(false);
    places.want('t2', 'audio');
    expect(track?.enabled).toBe(false);
    await settle();
    expect(track?.enabled).toBe(true);
    places.drop('t2');
    expect(track?.enabled).toBe(false);
  });

  it('turn from one canvas to another in the same place, and say who comes first', async () => {
    const { pins, places, made, said, told, answer, settle } = stage();
    places.want('grid', 'video');
    answer();
    places.turn('grid', 'speaker', 'video');
    await settle();
    pins.set('speaker', 'p2');
    places.prefer('speaker');
    await settle();
    pins.delete('speaker');
    places.prefer('speaker');
    await settle();
    places.turn('speaker', 'speaker', 'video');
    await settle();
    expect([made.length, said, told]).toEqual([1, ['0=speaker', '0=speaker first p2', '0=speaker'], ['+grid', '+speaker']]);
  });

  it('that were offered with a pin say it once they are there', async () => {
    const { pins, places, said, told, answer, settle } = stage();
    pins.set('speaker', 'p2');
    places.turn('grid', 'speaker', 'video');
    answer();
    await settle();
    expect([said, told]).toEqual([['0=speaker first p2'], ['+speaker']]);
  });

  it('say the last wish when wishes change faster than answers come', async () => {
    const { places, said, told, answer, settle } = stage();
    places.want('t1', 'video');
    answer();
    places.drop('t1');
    places.want('t2', 'video');
    places.drop('t2');
    places.want('t3', 'video');
    await settle();
    expect(said.at(-1)).toBe('0=t3');
    expect(told).toEqual(['+t1', '-t1', '+t3']);
  });

  it('are idle again when a track ended meanwhile', async () => {
    const { places, made, told, answer, settle, refuse } = stage();
    places.want('t1', 'video');
    answer();
    places.forget('t1');
    refuse(new ColloquyError('track.unknown', ''));
    places.want('t2', 'video');
    await settle();
    refuse(null);
    places.want('t3', 'video');
    await settle();
    expect(told).toEqual(['+t1', '-t1', '!t2 track.unknown', '+t3']);
    expect(made).toHaveLength(1);
  });

  it('repeat after a reconnect what may have been lost', async () => {
    const { places, said, told, answer, settle, refuse } = stage();
    places.want('t1', 'video');
    answer();
    places.forget('t1');
    refuse(new ColloquyError('client.connection_lost', ''));
    places.want('t2', 'video');
    await settle();
    refuse(null);
    places.resume();
    await settle();
    expect([said, told]).toEqual([['0=t2', '0=t2'], ['+t1', '-t1', '+t2']]);
  });

  it('that only a refused offer had are stopped', () => {
    const { places, made } = stage();
    places.want('t1', 'video');
    expect(places.refused()).toEqual(['t1']);
    expect(made[0]?.stopped).toBe(true);
    expect(places.has('t1')).toBe(false);
  });

  it('say how they are looked at, and say it once', async () => {
    const { places, said, answer, settle, look } = stage();
    places.want('t1', 'video');
    look('t1', { size: { width: 640, height: 360 } });
    expect(said).toEqual([]);
    answer();
    await settle();
    look('t1', { size: { width: 640, height: 355 } });
    look('t1', { pinned: true });
    look('t2', { size: { width: 1, height: 1 } });
    await settle();
    expect(said).toEqual(['0~640x368', '0~640x368 pinned']);
  });

  it('that are used again are told of the new track before it comes', async () => {
    const { places, said, answer, settle, look } = stage();
    places.want('t1', 'video');
    look('t1', { size: { width: 0, height: 0 } });
    answer();
    await settle();
    places.forget('t1');
    places.want('t2', 'video');
    await settle();
    expect(said).toEqual(['0~0x0', '0~*x*', '0=t2']);
  });

  it('say the last of many sizes, and say it again after a lost socket', async () => {
    const { places, said, answer, settle, look, refuse } = stage();
    places.want('t1', 'video');
    answer();
    for (const width of [160, 320, 480, 640]) look('t1', { size: { width, height: 16 } });
    await settle();
    expect(said).toEqual(['0~160x16', '0~640x16']);
    refuse(new ColloquyError('client.connection_lost', ''));
    look('t1', { size: { width: 800, height: 16 } });
    await settle();
    refuse(null);
    places.resume();
    await settle();
    expect(said.slice(2)).toEqual(['0~800x16', '0~800x16']);
  });

  it('know whether a word about a place is still about the track', () => {
    const { places, answer } = stage();
    places.want('t1', 'video');
    answer();
    expect([places.shows('0', 't1'), places.shows('1', 't1'), places.shows('0', 't2')]).toEqual([true, false, false]);
  });

  it('to spare let whoever comes be heard and seen without an offer, and are made up for later', async () => {
    vi.useFakeTimers();
    const { places, made, said, told, offers, answer } = stage(true);
    places.spare();
    answer();
    expect([made.map(({ receiver }) => receiver.track.kind), offers.wanted]).toEqual([['audio', 'video'], 0]);
    places.want('t1', 'video');
    places.want('t2', 'audio');
    await vi.advanceTimersByTimeAsync(500);
    expect([said, told, made.length, offers.wanted]).toEqual([['1=t1', '0=t2'], ['+t1', '+t2'], 2, 0]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(offers.wanted).toBe(1);
    places.spare();
    answer();
    places.spare();
    await vi.advanceTimersByTimeAsync(5_000);
    expect([made.length, offers.wanted]).toEqual([4, 1]);
  });

  it('to spare are not made up for where one became idle meanwhile, nor in the offer that is made for others', async () => {
    vi.useFakeTimers();
    const { places, offers, answer } = stage(true);
    places.spare();
    answer();
    places.want('t1', 'video');
    places.forget('t1');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(offers.wanted).toBe(0);
    places.want('t1', 'audio');
    places.want('t2', 'audio');
    places.spare();
    answer();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(offers.wanted).toBe(1);
  });

  it('to spare go out of an offer that was refused, and what was wanted stays', () => {
    const { places, made, answer } = stage(true);
    places.want('t1', 'audio');
    places.spare();
    expect(places.withoutSpares()).toBe(true);
    expect(made.map(({ stopped }) => stopped)).toEqual([false, true, true]);
    places.spare();
    answer();
    expect([made.length, places.withoutSpares(), places.media('t1') === null]).toEqual([3, false, false]);
  });
});
