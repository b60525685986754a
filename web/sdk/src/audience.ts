/**
 * Where we stand in a room, and what we get of each of the others. The server tells only what is not plain: whoever it says nothing of is
 * heard as he came and seen live, and we are on the floor.
 */
import type { PairInfo, ServerEvent, StanceInfo, ToneInfo } from './protocol.js';

/** What we get of one of the others. */
export type Gets = Omit<PairInfo, 'participant'>;

/** As it came. */
export const PLAIN_TONE: ToneInfo = { gain_db: 0, pan_pct: 0 };

/** As everybody on a floor gets of everybody. */
export const GETS_ALL: Gets = { hears: PLAIN_TONE, sees: 'live', held: false, monitor: false };

/** Where everybody stands of whom nothing else is told. */
export const ON_FLOOR: StanceInfo = { post: 'floor', circle: 0, held: false, insider: false };

/** All that we were told. */
export interface AudienceState {
  readonly you: StanceInfo;
  /** By participant; who is missing is {@link GETS_ALL}. */
  readonly others: ReadonlyMap<string, Gets>;
}

/** Before anything was told, and again after each `joined`: the server then tells all that is not plain. */
export const PLAIN_AUDIENCE: AudienceState = { you: ON_FLOOR, others: new Map() };

/** The audience after `event`; the same value when it changes nothing. */
export function reduceAudience(state: AudienceState, event: ServerEvent): AudienceState {
  switch (event.type) {
    case 'audience': {
      const others = new Map(state.others);
      for (const { participant, ...gets } of event.others) others.set(participant, gets);
      return { you: event.you ?? state.you, others };
    }
    // Who comes into sight is plain until we are told otherwise, under an old id too; who left is nothing to us.
    case 'participant_joined':
      return without(state, event.participant.id);
    case 'participant_left':
      return without(state, event.participant);
    default:
      return state;
  }
}

export function getsOf(state: AudienceState, participant: string): Gets {
  return state.others.get(participant) ?? GETS_ALL;
}

export function isPlain(tone: ToneInfo): boolean {
  return tone.gain_db === 0 && tone.pan_pct === 0;
}

function without(state: AudienceState, participant: string): AudienceState {
  if (!state.others.has(participant)) return state;
  const others = new Map(state.others);
  others.delete(participant);
  return { ...state, others };
}
