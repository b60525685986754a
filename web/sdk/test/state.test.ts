import { describe, expect, it } from 'vitest';
import type { ParticipantInfo, TrackInfo } from '../src/protocol.js';
import { diff, reduce, stateOf, withoutTrack, withTrack, type Change } from '../src/state.js';

const track = (id: string, participant: string, by_self = false): TrackInfo =>
  ({ id, participant, kind: 'audio', source: 'microphone', muted: by_self, mute: { by_self, by_moderator: false } });
const person = (id: string, ...tracks: TrackInfo[]): ParticipantInfo => ({ id, name: id.toUpperCase(), state: 'connected', moderator: false, quality: null, tracks });
const words = (changes: readonly Change[]): string[] => changes.map((c) => `${c.type} ${'track' in c ? c.track.id : c.participant.id}`);

describe('events', () => {
  const room = stateOf([person('a', track('t1', 'a')), person('b')]);

  it('make a new state and leave the old one', () => {
    const next = reduce(room, { type: 'track_published', track: track('t2', 'b') });
    expect(next.get('b')?.tracks.map((t) => t.id)).toEqual(['t2']);
    expect(room.get('b')?.tracks).toEqual([]);
  });

  it('that come twice count once', () => {
    const event = { type: 'track_published', track: track('t2', 'b') } as const;
    const once = reduce(room, event);
    expect(diff(once, reduce(once, event))).toEqual([]);
  });

  it('about strangers change nothing', () => {
    expect(reduce(room, { type: 'participant_left', participant: 'z', reason: 'left' })).toBe(room);
    expect(reduce(room, { type: 'track_published', track: track('t9', 'z') })).toBe(room);
  });

  it('of leaving carry their reason', () => {
    const next = reduce(room, { type: 'participant_left', participant: 'a', reason: 'kicked' });
    expect(diff(room, next, 'kicked')).toEqual([
      { type: 'trackUnpublished', track: track('t1', 'a') },
      { type: 'participantLeft', participant: person('a', track('t1', 'a')), reason: 'kicked' },
    ]);
  });

  it('of mute show once', () => {
    const next = reduce(room, { type: 'track_muted', track: track('t1', 'a', true) });
    expect(words(diff(room, next))).toEqual(['trackMuted t1']);
  });
});

describe('the difference after a reconnect', () => {
  it('tells what was missed, departures first', () => {
    const before = stateOf([person('a', track('t1', 'a')), person('b', track('t2', 'b')), person('c')]);
    const after = stateOf([person('a', track('t1', 'a', true), track('t3', 'a')), { ...person('c'), state: 'reconnecting' }, person('d', track('t4', 'd'))]);
    expect(words(diff(before, after))).toEqual([
      'trackUnpublished t2', 'participantLeft b', 'trackMuted t1', 'trackPublished t3', 'participantState c', 'participantJoined d', 'trackPublished t4',
    ]);
  });

  it('of a room with itself is nothing', () => {
    const room = stateOf([person('a', track('t1', 'a'))]);
    expect(diff(room, stateOf([person('a', track('t1', 'a'))]))).toEqual([]);
  });
});

describe('single tracks', () => {
  it('come and go', () => {
    const room = stateOf([person('a')]);
    const withOne = withTrack(room, track('t1', 'a'));
    expect(withOne.get('a')?.tracks).toHaveLength(1);
    expect(withoutTrack(withOne, 't1').get('a')?.tracks).toEqual([]);
    expect(withoutTrack(room, 't1')).toBe(room);
  });
});
