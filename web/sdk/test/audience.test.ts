import { describe, expect, it } from 'vitest';
import { getsOf, GETS_ALL, isPlain, ON_FLOOR, PLAIN_AUDIENCE, reduceAudience } from '../src/audience.js';
import type { PairInfo, ParticipantInfo, ServerEvent } from '../src/protocol.js';
import { shapeOf } from '../src/tone.js';

const pair = (participant: string, rest: Partial<PairInfo> = {}): PairInfo =>
  ({ participant, hears: null, sees: 'frozen', held: false, monitor: false, ...rest });
const told = (...others: PairInfo[]): ServerEvent => ({ type: 'audience', others });
const person = (id: string): ParticipantInfo => ({ id, name: id, state: 'connected', moderator: false, quality: null, tracks: [] });

describe('the audience', () => {
  it('is plain until something else is told', () => {
    expect(getsOf(PLAIN_AUDIENCE, 'p1')).toBe(GETS_ALL);
    expect(PLAIN_AUDIENCE.you).toBe(ON_FLOOR);
  });

  it('keeps what an event does not tell', () => {
    const monitor = { post: 'monitor', circle: 0, held: false, announced: false, line: 'listening', insider: false } as const;
    const first = reduceAudience(PLAIN_AUDIENCE, { type: 'audience', you: monitor, others: [pair('p1')] });
    const second = reduceAudience(first, told(pair('p2', { held: true, sees: 'off' })));
    expect(second.you).toEqual(monitor);
    expect(getsOf(second, 'p1')).toEqual({ hears: null, sees: 'frozen', held: false, monitor: false });
    expect(getsOf(second, 'p2').held).toBe(true);
    expect(getsOf(first, 'p2')).toBe(GETS_ALL);
  });

  it.each<[string, ServerEvent]>([
    ['leaves', { type: 'participant_left', participant: 'p1', reason: 'left' }],
    ['comes into sight anew', { type: 'participant_joined', participant: person('p1') }],
  ])('is plain again of one who %s', (_, event) => {
    const state = reduceAudience(PLAIN_AUDIENCE, told(pair('p1'), pair('p2')));
    const after = reduceAudience(state, event);
    expect(getsOf(after, 'p1')).toBe(GETS_ALL);
    expect(getsOf(after, 'p2').sees).toBe('frozen');
    expect(reduceAudience(after, event)).toBe(after);
  });

  it('is none of the business of other events', () => {
    const state = reduceAudience(PLAIN_AUDIENCE, told(pair('p1')));
    expect(reduceAudience(state, { type: 'participant_state', participant: 'p1', state: 'reconnecting' })).toBe(state);
  });
});

describe('a tone', () => {
  it('that is plain leaves the power of a voice as it is', () => {
    const { gain, pan } = shapeOf({ gain_db: 0, pan_pct: 0 });
    // As the Web Audio specification has a mono voice in the middle: cos(45°) in each ear.
    expect(gain * Math.cos(Math.PI / 4)).toBeCloseTo(1);
    expect(pan).toBe(0);
    expect(isPlain({ gain_db: 0, pan_pct: 0 })).toBe(true);
  });

  it('of a whisper comes from the left and does not clip', () => {
    const { gain, pan } = shapeOf({ gain_db: -3, pan_pct: -80 });
    expect(pan).toBe(-0.8);
    expect(gain).toBeCloseTo(1, 2);
    expect(shapeOf({ gain_db: 0, pan_pct: 300 }).pan).toBe(1);
  });
});
