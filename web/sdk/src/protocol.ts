/**
 * The frames of the Colloquy WebSocket API, version 1, as types.
 * The words are those of `docs/src/api/websocket.md`; anything that is not there is not here.
 */

import type { EncodingUse } from './active.js';

/** The version of the API that this SDK speaks. */
export const PROTOCOL_VERSION = 1;

/** What a track was captured from. */
export type Source = 'microphone' | 'camera' | 'screen' | 'screen_audio';
export type Kind = 'audio' | 'video';
export type ParticipantState = 'connecting' | 'connected' | 'reconnecting';
export type LeaveReason = 'left' | 'kicked' | 'lost' | 'failed';
export type RemovedReason = 'kicked' | 'room_closed' | 'failed' | 'expired';
export type ServerTransportState = 'connecting' | 'connected' | 'disconnected';

/** Who silenced a track. It is forwarded only when neither did. */
export interface MuteState {
  readonly by_self: boolean;
  readonly by_moderator: boolean;
}

/** A published track as the server describes it. */
export interface TrackInfo {
  readonly id: string;
  readonly participant: string;
  readonly kind: Kind;
  readonly source: Source;
  readonly muted: boolean;
  readonly mute: MuteState;
}

/** Who vouches for somebody, and how far that is to be trusted. */
export interface IdentityInfo {
  /** Somebody whom the server trusts vouches for him; nobody does; or something is wrong with the proof. */
  readonly colour: 'green' | 'yellow' | 'red';
  /** Why, in words for people. */
  readonly reason: string;
  /** Who he is, as his provider knows him: `anne@meet.example.org`. */
  readonly identity?: string;
  /** As whom he acts: his name, with what he is at work where he acts for it. */
  readonly acting_as?: string;
}

/** How to prove who one is. */
export interface IdentityOffer {
  /** No media goes without it. */
  readonly required: boolean;
  /** The identity provider whose word counts. */
  readonly issuer: string;
  /** What must be in the proof. */
  readonly nonce: string;
}

/** A person in the room as the server describes them. */
export interface ParticipantInfo {
  readonly id: string;
  readonly name: string;
  readonly state: ParticipantState;
  readonly moderator: boolean;
  /** Network quality from 0 (unusable) to 5 (perfect) when we came in, or he did; `null` while unknown. */
  readonly quality: number | null;
  /** Who vouches for him; left out when nobody does, or while his media is not up. */
  readonly identity?: IdentityInfo;
  readonly tracks: readonly TrackInfo[];
}

export interface Permissions {
  readonly publish: boolean;
  readonly subscribe: boolean;
}

export interface SpeakerLevel {
  readonly participant: string;
  /** 0 to 1. */
  readonly level: number;
}

/** What one comes into a room as: `helper` and the monitors are for those whose token says so. */
export type EnterAs = 'participant' | 'helper' | 'monitor' | 'announced_monitor';

/** What is to change in who gets what of whom. Without `participant`, it is about the one who asks. */
export type AudienceChange =
  | { readonly verb: 'hold'; readonly participant?: string; readonly held: boolean }
  | { readonly verb: 'turn_aside'; readonly participant?: string; readonly with: string }
  | { readonly verb: 'turn_backstage' | 'turn_back'; readonly participant?: string }
  | { readonly verb: 'monitor'; readonly participant?: string; readonly announced?: boolean; readonly wall?: boolean }
  | { readonly verb: 'coach'; readonly participant?: string; readonly agent: string }
  | { readonly verb: 'backstage' | 'listen' | 'barge'; readonly participant?: string }
  | { readonly verb: 'take_over'; readonly participant?: string; readonly from: string }
  | { readonly verb: 'move'; readonly participant?: string; readonly circle: number }
  | { readonly verb: 'confide'; readonly participant: string; readonly insider: boolean };

/** Where somebody stands. */
export interface StanceInfo {
  /** On the floor, a helper in the wings, or a monitor. */
  readonly post: 'floor' | 'wings' | 'monitor';
  /** The conversation within the room; 0 is the first. */
  readonly circle: number;
  readonly held: boolean;
  /** Turned away from the floor: to a few, or to the monitors. */
  readonly aside?: 'group' | 'backstage';
  /** Who else is in the aside; of a group only. */
  readonly with?: readonly string[];
  /** Of a monitor: whether the floor is told of him, where his voice goes, and whom he coaches. */
  readonly announced?: boolean;
  /** Small pictures only. */
  readonly wall?: boolean;
  readonly line?: 'listening' | 'coaching' | 'backstage';
  readonly agent?: string;
  /** Is told of monitors and hears what they say backstage. */
  readonly insider: boolean;
  /** Another took over from us, and `turn_back` brings us back. */
  readonly taken_over?: boolean;
}

/** How a voice is to sound. */
export interface ToneInfo {
  /** Louder or softer than it came, -40 to 12. */
  readonly gain_db: number;
  /** From -100, the left ear alone, to 100. */
  readonly pan_pct: number;
}

/** What we get of somebody else. */
export interface PairInfo {
  readonly participant: string;
  /** How his voice is to sound; `null` when nothing of it comes. */
  readonly hears: ToneInfo | null;
  /** What is seen of him: for `frozen` the last picture stands. */
  readonly sees: 'off' | 'frozen' | 'thumbnail' | 'live';
  /** He is on hold. */
  readonly held: boolean;
  /** He listens and watches only. */
  readonly monitor: boolean;
  /** He is told of monitors; monitors alone learn so. */
  readonly insider?: boolean;
}

/** How one wants to hear others: each by himself, all mixed by the server, or as it finds best. */
export type AudioMode = 'forward' | 'mix' | 'auto';
/** What one has it on: an earpiece and a watch only hear, and take 40 kb/s. */
export type Device = 'screen' | 'phone' | 'earpiece' | 'watch';
/** How one hears them. */
export type AudioPath = 'forward' | 'mix';

/** Requests without their `id`, which the socket adds. */
export type Request =
  | { type: 'hello'; version: number; client?: string; token?: string }
  | { type: 'join'; room: string; name: string; as?: EnterAs; snapshots?: boolean }
  | { type: 'resume'; resume_token: string }
  | { type: 'offer'; sdp: string; sources?: Record<string, Source>; subscriptions?: Record<string, string>; identity?: string }
  | { type: 'candidate'; candidate: string; mid?: string; mline_index?: number; ufrag?: string }
  | { type: 'subscribe'; mid: string; track: string | null; pin?: string }
  | { type: 'prefer'; mid: string; width?: number; height?: number; pinned?: boolean; weight?: number }
  | { type: 'downlink'; last_n?: number; max_bps?: number; device?: Device }
  | { type: 'audio'; mode: AudioMode }
  | { type: 'mute'; track: string; muted: boolean }
  | { type: 'audience'; change: AudienceChange }
  | { type: 'kick'; participant: string; reason?: string }
  | ({ type: 'announce' } & AnnouncementWish)
  | { type: 'hush'; announcement: string }
  | { type: 'announcements' }
  | { type: 'leave' }
  | { type: 'stats' };

export type RequestType = Request['type'];

export interface Welcome {
  readonly type: 'welcome';
  readonly version: number;
  readonly server: string;
  readonly resume_window_s: number;
  readonly ice_servers: readonly RTCIceServer[];
  /** Things may be played to us, in the place for the mix. */
  readonly announcements: boolean;
  /** Who one is may be proven, or must be. */
  readonly identity?: IdentityOffer;
}

/** Something to be played into our room: a file of the server's, or a text that is said. */
export interface AnnouncementWish {
  readonly file?: string;
  readonly text?: string;
  /** `floor` (left out: this), `held`, or a participant. */
  readonly to?: string;
  /** Louder or softer, -60 to 12. */
  readonly gain_db?: number;
  /** Again and again until it is stopped. */
  readonly repeat?: boolean;
}

/** Something that is played into our room. */
export interface AnnouncementInfo {
  readonly id: string;
  readonly file: string | null;
  readonly text: string | null;
  readonly to: string;
  readonly gain_db: number;
  readonly repeat: boolean;
  readonly length_ms: number;
  readonly age_ms: number;
}

export interface Announced {
  readonly type: 'announced';
  readonly announcement: AnnouncementInfo;
}

export interface Announcements {
  readonly type: 'announcements';
  readonly announcements: readonly AnnouncementInfo[];
}

export interface Joined {
  readonly type: 'joined';
  readonly room: string;
  readonly participant: string;
  readonly resume_token: string;
  readonly moderator: boolean;
  readonly permissions: Permissions;
  /** The room leaves as a stream: others than those in it may hear and see it. */
  readonly streamed?: boolean;
  readonly participants: readonly ParticipantInfo[];
}

export interface Answer {
  readonly type: 'answer';
  readonly sdp: string;
  /** mid → id of the track that we publish there. */
  readonly tracks: Readonly<Record<string, string>>;
}

export interface Ok {
  readonly type: 'ok';
}

/** How much the server sends us, and how much it believes that our path carries, in bits a second. */
export interface DownlinkStats {
  readonly target_bps: number;
  readonly sent_bps: number;
  readonly acknowledged_bps: number;
  readonly allocated_bps: number;
  /** At which target we would get more; 0 when we have all that we want. */
  readonly needed_bps: number;
}

/** Which of a track's qualities; each counts from 0, the smallest. */
export interface Layer {
  readonly encoding: number;
  readonly spatial: number;
  readonly temporal: number;
}

export type PauseCause = 'bandwidth' | 'last_n' | 'hidden' | 'frozen' | 'withheld';

/** What a video that we receive shows: pictures of a layer, or nothing for a reason. */
export interface Shown {
  readonly layer: Layer | null;
  /** Of the pictures, where the server knows. */
  readonly size: { readonly width: number; readonly height: number } | null;
  readonly paused: PauseCause | null;
}

/** The server's own counters for this participant; the entries are for display and differ by server version. */
export interface ServerStats {
  readonly type: 'stats';
  readonly rtt_ms: number | null;
  readonly downlink: DownlinkStats | null;
  readonly receive: readonly unknown[];
  readonly send: readonly unknown[];
}

/** Which result answers which request. */
export interface ResultOf {
  hello: Welcome;
  join: Joined;
  resume: Joined;
  offer: Answer;
  candidate: Ok;
  subscribe: Ok;
  prefer: Ok;
  downlink: Ok;
  audio: Ok;
  mute: Ok;
  audience: Ok;
  kick: Ok;
  announce: Announced;
  hush: Ok;
  announcements: Announcements;
  leave: Ok;
  stats: ServerStats;
}

export type Result = ResultOf[RequestType];

export interface ErrorFrame {
  readonly type: 'error';
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

export type ServerEvent =
  | { readonly type: 'participant_joined'; readonly participant: ParticipantInfo }
  | { readonly type: 'participant_left'; readonly participant: string; readonly reason: LeaveReason }
  | { readonly type: 'participant_state'; readonly participant: string; readonly state: ParticipantState }
  | { readonly type: 'track_published'; readonly track: TrackInfo }
  | { readonly type: 'track_unpublished'; readonly track: string; readonly participant: string }
  | { readonly type: 'track_muted'; readonly track: TrackInfo }
  | { readonly type: 'speakers'; readonly speakers: readonly SpeakerLevel[]; readonly dominant: string | null }
  | { readonly type: 'transport'; readonly state: ServerTransportState }
  | { readonly type: 'quality'; readonly participant: string; readonly score: number }
  | { readonly type: 'identity'; readonly participant: string; readonly identity: IdentityInfo | null }
  | { readonly type: 'shown'; readonly mid: string; readonly track: string; readonly shown: Shown }
  | { readonly type: 'audio'; readonly path: AudioPath }
  | { readonly type: 'encodings'; readonly track: string; readonly encodings: readonly EncodingUse[] }
  | { readonly type: 'audience'; readonly you?: StanceInfo; readonly others: readonly PairInfo[] }
  | { readonly type: 'removed'; readonly reason: RemovedReason; readonly message: string }
  | { readonly type: 'streamed'; readonly streamed: boolean }
  | { readonly type: 'draining'; readonly seconds: number; readonly message: string };

/** Close codes of the socket that mean something to a client. */
export const CloseCode = {
  Normal: 1000,
  TooLarge: 1009,
  ServerDefect: 1011,
  ServerStops: 1012,
  NotTheProtocol: 4000,
  ResumedElsewhere: 4001,
  Timeout: 4002,
  TooManyFrames: 4003,
  NotReading: 4004,
} as const;
