/**
 * What the room looks like, as a value. Events of the server make a new value of the old one; the difference of two
 * values is what listeners are told. The same difference serves after a reconnect, when the server sends the whole room
 * instead of the events that were missed.
 */
import type { LeaveReason, ParticipantInfo, ServerEvent, TrackInfo } from './protocol.js';

export type RoomState = ReadonlyMap<string, ParticipantInfo>;

export type Change =
  | { readonly type: 'participantJoined'; readonly participant: ParticipantInfo }
  | { readonly type: 'participantLeft'; readonly participant: ParticipantInfo; readonly reason: LeaveReason }
  | { readonly type: 'participantState'; readonly participant: ParticipantInfo }
  | { readonly type: 'trackPublished'; readonly track: TrackInfo }
  | { readonly type: 'trackUnpublished'; readonly track: TrackInfo }
  | { readonly type: 'trackMuted'; readonly track: TrackInfo };

export function stateOf(participants: readonly ParticipantInfo[]): RoomState {
  return new Map(participants.map((p) => [p.id, p]));
}

/** The state after `event`. Events about people or tracks that we do not know leave it as it is. */
export function reduce(state: RoomState, event: ServerEvent): RoomState {
  switch (event.type) {
    case 'participant_joined':
      return withParticipant(state, event.participant);
    case 'participant_left': {
      if (!state.has(event.participant)) return state;
      const next = new Map(state);
      next.delete(event.participant);
      return next;
    }
    case 'participant_state':
      return change(state, event.participant, (p) => ({ ...p, state: event.state }));
    case 'identity':
      return change(state, event.participant, ({ identity: _, ...p }) => (event.identity === null ? p : { ...p, identity: event.identity }));
    case 'track_published':
    case 'track_muted':
      return withTrack(state, event.track);
    case 'track_unpublished':
      return change(state, event.participant, (p) => ({ ...p, tracks: p.tracks.filter((t) => t.id !== event.track) }));
    default:
      return state;
  }
}

/** The state with this track added or brought up to date. */
export function withTrack(state: RoomState, track: TrackInfo): RoomState {
  return change(state, track.participant, (p) => {
    const known = p.tracks.some((t) => t.id === track.id);
    return { ...p, tracks: known ? p.tracks.map((t) => (t.id === track.id ? track : t)) : [...p.tracks, track] };
  });
}

/** The state without a track, whoever published it. */
export function withoutTrack(state: RoomState, id: string): RoomState {
  const track = findTrack(state, id);
  if (track === undefined) return state;
  return change(state, track.participant, (p) => ({ ...p, tracks: p.tracks.filter((t) => t.id !== id) }));
}

export function findTrack(state: RoomState, id: string): TrackInfo | undefined {
  for (const participant of state.values()) {
    const track = participant.tracks.find((t) => t.id === id);
    if (track !== undefined) return track;
  }
  return undefined;
}

/**
 * What changed, in an order in which each step makes sense alone: tracks and people go before others come.
 * @param reason why people left, where an event said so; after a reconnect nobody knows, and `lost` is said.
 */
export function diff(before: RoomState, after: RoomState, reason: LeaveReason = 'lost'): Change[] {
  const gone: Change[] = [];
  const come: Change[] = [];
  for (const old of before.values()) {
    const now = after.get(old.id);
    for (const track of old.tracks) {
      if (!now?.tracks.some((t) => t.id === track.id)) gone.push({ type: 'trackUnpublished', track });
    }
    if (now === undefined) gone.push({ type: 'participantLeft', participant: old, reason });
  }
  for (const now of after.values()) {
    const old = before.get(now.id);
    if (old === undefined) come.push({ type: 'participantJoined', participant: now });
    else if (old.state !== now.state) come.push({ type: 'participantState', participant: now });
    for (const track of now.tracks) {
      const known = old?.tracks.find((t) => t.id === track.id);
      if (known === undefined) come.push({ type: 'trackPublished', track });
      else if (!sameMute(known, track)) come.push({ type: 'trackMuted', track });
    }
  }
  return [...gone, ...come];
}

function sameMute(a: TrackInfo, b: TrackInfo): boolean {
  return a.muted === b.muted && a.mute.by_self === b.mute.by_self && a.mute.by_moderator === b.mute.by_moderator;
}

function withParticipant(state: RoomState, participant: ParticipantInfo): RoomState {
  return new Map(state).set(participant.id, participant);
}

function change(state: RoomState, id: string, edit: (p: ParticipantInfo) => ParticipantInfo): RoomState {
  const participant = state.get(id);
  return participant === undefined ? state : withParticipant(state, edit(participant));
}
