/**
 * Text frames to typed frames and back. What comes in is checked field by field: a server of another version, or a
 * proxy's error page, must end as one clear error here and not as `undefined` deep in the call.
 * Unknown fields and unknown events are ignored, so that a newer server may add some.
 */
import type { EncodingUse } from './active.js';
import type {
  AnnouncementInfo, DownlinkStats, ErrorFrame, IdentityInfo, IdentityOffer, Kind, PairInfo, ParticipantInfo, PauseCause, Request, Result, ServerEvent, Shown, Source, SpeakerLevel, StanceInfo, TrackInfo,
} from './protocol.js';

/** A frame with an `id` answers a request; one without is an event; `null` is an event that we do not know. */
export type Incoming =
  | { readonly kind: 'result'; readonly id: number; readonly result: Result }
  | { readonly kind: 'error'; readonly id: number | null; readonly error: ErrorFrame }
  | { readonly kind: 'event'; readonly event: ServerEvent }
  | { readonly kind: 'unknown'; readonly type: string };

/** The text was not a frame of the protocol. */
export class MalformedFrame extends Error {
  override readonly name = 'MalformedFrame';
}

type Fields = Record<string, unknown>;

export function encodeRequest(id: number, request: Request): string {
  return JSON.stringify({ ...request, id });
}

export function decodeFrame(text: string): Incoming {
  const frame = parseObject(text);
  const type = string(frame, 'type');
  if (type === 'error') {
    return { kind: 'error', id: typeof frame['id'] === 'number' ? frame['id'] : null, error: errorFrame(frame) };
  }
  if (typeof frame['id'] === 'number') {
    return { kind: 'result', id: frame['id'], result: decodeResult(type, frame) };
  }
  const event = decodeEvent(type, frame);
  return event === null ? { kind: 'unknown', type } : { kind: 'event', event };
}

function decodeResult(type: string, f: Fields): Result {
  switch (type) {
    case 'welcome':
      return {
        type, version: number(f, 'version'), server: string(f, 'server'),
        resume_window_s: number(f, 'resume_window_s'), ice_servers: array(f, 'ice_servers', iceServer),
        announcements: f['announcements'] === true,
        ...(f['identity'] === undefined ? {} : { identity: identityOffer(f['identity']) }),
      };
    case 'joined': {
      const permissions = object(f, 'permissions');
      return {
        type, room: string(f, 'room'), participant: string(f, 'participant'),
        resume_token: string(f, 'resume_token'), moderator: bool(f, 'moderator'),
        permissions: { publish: bool(permissions, 'publish'), subscribe: bool(permissions, 'subscribe') },
        ...(f['streamed'] === true ? { streamed: true } : {}),
        participants: array(f, 'participants', participant),
      };
    }
    case 'answer':
      return { type, sdp: string(f, 'sdp'), tracks: stringMap(f['tracks']) };
    case 'ok':
      return { type };
    case 'announced':
      return { type, announcement: announcement(f['announcement']) };
    case 'announcements':
      return { type, announcements: array(f, 'announcements', announcement) };
    case 'stats':
      return {
        type, rtt_ms: typeof f['rtt_ms'] === 'number' ? f['rtt_ms'] : null, downlink: f['downlink'] ? downlink(f['downlink']) : null,
        receive: array(f, 'receive', (x) => x), send: array(f, 'send', (x) => x),
      };
    default:
      throw new MalformedFrame(`unknown result "${type}"`);
  }
}

function decodeEvent(type: string, f: Fields): ServerEvent | null {
  switch (type) {
    case 'participant_joined':
      return { type, participant: participant(f['participant']) };
    case 'participant_left':
      return { type, participant: string(f, 'participant'), reason: oneOf(f, 'reason', ['left', 'kicked', 'lost', 'failed'], 'left') };
    case 'participant_state':
      return { type, participant: string(f, 'participant'), state: participantState(f) };
    case 'track_published':
    case 'track_muted':
      return { type, track: track(f['track']) };
    case 'track_unpublished':
      return { type, track: string(f, 'track'), participant: string(f, 'participant') };
    case 'speakers':
      return { type, speakers: array(f, 'speakers', speaker), dominant: typeof f['dominant'] === 'string' ? f['dominant'] : null };
    case 'transport':
      return { type, state: oneOf(f, 'state', ['connecting', 'connected', 'disconnected'], 'connecting') };
    case 'quality':
      return { type, participant: string(f, 'participant'), score: number(f, 'score') };
    case 'identity':
      return { type, participant: string(f, 'participant'), identity: f['identity'] === null ? null : identity(f['identity']) };
    case 'shown':
      return { type, mid: string(f, 'mid'), track: string(f, 'track'), shown: shown(f) };
    case 'audio':
      return { type, path: oneOf(f, 'path', ['forward', 'mix'], 'forward') };
    case 'encodings':
      return { type, track: string(f, 'track'), encodings: array(f, 'encodings', encodingUse) };
    case 'audience':
      return { type, ...(f['you'] === undefined ? {} : { you: stance(f['you']) }), others: array(f, 'others', pair) };
    case 'removed':
      return { type, reason: oneOf(f, 'reason', ['kicked', 'room_closed', 'failed', 'expired'], 'failed'), message: text(f, 'message') };
    case 'streamed':
      return { type, streamed: bool(f, 'streamed') };
    case 'draining':
      return { type, seconds: number(f, 'seconds'), message: text(f, 'message') };
    default:
      return null;
  }
}

function errorFrame(f: Fields): ErrorFrame {
  return { type: 'error', code: string(f, 'code'), message: text(f, 'message'), remedy: text(f, 'remedy') };
}

function participant(value: unknown): ParticipantInfo {
  const f = asObject(value, 'participant');
  return {
    id: string(f, 'id'), name: string(f, 'name'), state: participantState(f),
    moderator: bool(f, 'moderator'), quality: typeof f['quality'] === 'number' ? f['quality'] : null,
    ...(f['identity'] === undefined ? {} : { identity: identity(f['identity']) }),
    tracks: array(f, 'tracks', track),
  };
}

function identity(value: unknown): IdentityInfo {
  const f = asObject(value, 'identity');
  return {
    colour: oneOf(f, 'colour', ['green', 'yellow', 'red'], 'yellow'), reason: text(f, 'reason'),
    ...(f['identity'] === undefined ? {} : { identity: string(f, 'identity') }),
    ...(f['acting_as'] === undefined ? {} : { acting_as: string(f, 'acting_as') }),
  };
}

function identityOffer(value: unknown): IdentityOffer {
  const f = asObject(value, 'identity');
  return { required: bool(f, 'required'), issuer: string(f, 'issuer'), nonce: string(f, 'nonce') };
}

function participantState(f: Fields): ParticipantInfo['state'] {
  return oneOf(f, 'state', ['connecting', 'connected', 'reconnecting'], 'connected');
}

function announcement(value: unknown): AnnouncementInfo {
  const f = asObject(value, 'announcement');
  const or = (name: string): string | null => (f[name] === undefined ? null : text(f, name));
  return {
    id: string(f, 'id'), file: or('file'), text: or('text'), to: string(f, 'to'), gain_db: number(f, 'gain_db'), repeat: bool(f, 'repeat'),
    length_ms: number(f, 'length_ms'), age_ms: number(f, 'age_ms'),
  };
}

function track(value: unknown): TrackInfo {
  const f = asObject(value, 'track');
  const mute = object(f, 'mute');
  const kind: Kind = oneOf(f, 'kind', ['audio', 'video'], null);
  const source: Source = oneOf(f, 'source', ['microphone', 'camera', 'screen', 'screen_audio'], null);
  return {
    id: string(f, 'id'), participant: string(f, 'participant'), kind, source, muted: bool(f, 'muted'),
    mute: { by_self: bool(mute, 'by_self'), by_moderator: bool(mute, 'by_moderator') },
  };
}

function speaker(value: unknown): SpeakerLevel {
  const f = asObject(value, 'speaker');
  return { participant: string(f, 'participant'), level: number(f, 'level') };
}

function shown(f: Fields): Shown {
  if (f['layer'] === undefined) {
    return { layer: null, size: null, paused: oneOf<PauseCause>(f, 'paused', ['bandwidth', 'last_n', 'hidden', 'frozen', 'withheld'], 'bandwidth') };
  }
  const layer = object(f, 'layer');
  const size = f['size'] === undefined ? null : object(f, 'size');
  return {
    layer: { encoding: number(layer, 'encoding'), spatial: number(layer, 'spatial'), temporal: number(layer, 'temporal') },
    size: size === null ? null : { width: number(size, 'width'), height: number(size, 'height') }, paused: null,
  };
}

function stance(value: unknown): StanceInfo {
  const f = asObject(value, 'stance');
  return {
    // Of a post that is unknown to us, the floor is what one should believe: that everybody hears.
    post: oneOf(f, 'post', ['floor', 'wings', 'monitor'], 'floor'), circle: number(f, 'circle'), held: bool(f, 'held'), insider: bool(f, 'insider'),
    ...(f['aside'] === undefined ? {} : { aside: oneOf(f, 'aside', ['group', 'backstage'], 'group') }),
    ...(f['with'] === undefined ? {} : { with: array(f, 'with', participantId) }),
    ...(f['announced'] === undefined ? {} : { announced: bool(f, 'announced') }),
    ...(f['wall'] === undefined ? {} : { wall: bool(f, 'wall') }),
    ...(f['line'] === undefined ? {} : { line: oneOf(f, 'line', ['listening', 'coaching', 'backstage'], 'listening') }),
    ...(f['agent'] === undefined ? {} : { agent: string(f, 'agent') }),
    ...(f['taken_over'] === undefined ? {} : { taken_over: bool(f, 'taken_over') }),
  };
}

function participantId(value: unknown): string {
  if (typeof value !== 'string') throw new MalformedFrame('an id is not a string');
  return value;
}

function pair(value: unknown): PairInfo {
  const f = asObject(value, 'pair');
  const hears = f['hears'] === null ? null : object(f, 'hears');
  return {
    participant: string(f, 'participant'), hears: hears === null ? null : { gain_db: number(hears, 'gain_db'), pan_pct: number(hears, 'pan_pct') },
    sees: oneOf(f, 'sees', ['off', 'frozen', 'thumbnail', 'live'], 'off'), held: bool(f, 'held'), monitor: bool(f, 'monitor'),
    ...(f['insider'] === undefined ? {} : { insider: bool(f, 'insider') }),
  };
}

function encodingUse(value: unknown): EncodingUse {
  const f = asObject(value, 'encoding');
  return { rid: string(f, 'rid'), wanted: bool(f, 'wanted') };
}

function downlink(value: unknown): DownlinkStats {
  const f = asObject(value, 'downlink');
  return {
    target_bps: number(f, 'target_bps'), sent_bps: number(f, 'sent_bps'), acknowledged_bps: number(f, 'acknowledged_bps'),
    allocated_bps: number(f, 'allocated_bps'), needed_bps: number(f, 'needed_bps'),
  };
}

function iceServer(value: unknown): RTCIceServer {
  const f = asObject(value, 'ice server');
  const urls = Array.isArray(f['urls']) ? f['urls'].filter((u) => typeof u === 'string') : string(f, 'urls');
  const server: RTCIceServer = { urls };
  if (typeof f['username'] === 'string') server.username = f['username'];
  if (typeof f['credential'] === 'string') server.credential = f['credential'];
  return server;
}

function parseObject(source: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    throw new MalformedFrame('not JSON');
  }
  return asObject(value, 'frame');
}

function asObject(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new MalformedFrame(`${what} is not an object`);
  return value as Fields;
}

function object(f: Fields, key: string): Fields {
  return asObject(f[key], key);
}

function string(f: Fields, key: string): string {
  const value = f[key];
  if (typeof value !== 'string') throw new MalformedFrame(`"${key}" is not a string`);
  return value;
}

/** Words for people: their absence never breaks a call. */
function text(f: Fields, key: string): string {
  return typeof f[key] === 'string' ? f[key] : '';
}

function number(f: Fields, key: string): number {
  const value = f[key];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new MalformedFrame(`"${key}" is not a number`);
  return value;
}

function bool(f: Fields, key: string): boolean {
  const value = f[key];
  if (typeof value !== 'boolean') throw new MalformedFrame(`"${key}" is not a boolean`);
  return value;
}

function array<T>(f: Fields, key: string, item: (value: unknown) => T): T[] {
  const value = f[key];
  if (!Array.isArray(value)) throw new MalformedFrame(`"${key}" is not a list`);
  return value.map(item);
}

/** With a fallback, a word of a newer server becomes the harmless one; without, it is an error. */
function oneOf<T extends string>(f: Fields, key: string, words: readonly T[], fallback: T | null): T {
  const value = f[key];
  const found = words.find((w) => w === value);
  if (found !== undefined) return found;
  if (fallback === null) throw new MalformedFrame(`"${key}" is not one of ${words.join(', ')}`);
  return fallback;
}

function stringMap(value: unknown): Record<string, string> {
  const map: Record<string, string> = {};
  for (const [key, entry] of Object.entries(asObject(value ?? {}, 'tracks'))) {
    if (typeof entry === 'string') map[key] = entry;
  }
  return map;
}
