import { describe, expect, it } from 'vitest';
import { ColloquyError } from '../src/errors.js';
import { Places, type PlacesHost } from '../src/places.js';
import type { Kind, Request } from '../src/protocol.js';

/** A peer connection of three lines, and a server that says yes until told otherwise. */
function stage() {
  const made: { mid: string | null; currentDirection: string | null; stopped: boolean; receiver: { track: { kind: Kind } } }[] = [];
  const said: string[] = [];
  const told: string[] = [];
  let refuse: ColloquyError | null = null;
  const host: PlacesHost = {
    addTransceiver(kind) {
      const transceiver = { mid: null, currentDirection: null, stopped: false, receiver: { track: { kind } }, stop() { this.stopped = true; } };
      made.push(transceiver);
      return transceiver as unknown as RTCRtpTransceiver;
    },
    negotiate: () => Promise.resolve(),
    request({ mid, track }: Extract<Request, { type: 'subscribe' }>) {
      said.push(`${mid}=${track}`);
      return refuse === null ? Promise.resolve() : Promise.reject(refuse);
    },
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
  return { places, made, said, told, answer, settle, refuse: (error: ColloquyError | null) => { refuse = error; } };
}

describe('places', () => {
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
});
