/** Browser SDK of the Colloquy media server. Start at {@link Room}. */
export { Room } from './room.js';
export type { JoinOptions, RoomOptions } from './options.js';
export { GETS_ALL, isPlain, PLAIN_AUDIENCE, PLAIN_TONE, type AudienceState, type Gets } from './audience.js';
export { isSupported, sameOriginUrl } from './environment.js';
export type { RoomEvents } from './events.js';
export { ColloquyError, mediaError, type ErrorCode } from './errors.js';
export type { ConnectionState } from './connection.js';
export type { TransportState } from './ice.js';
export type { LocalTrack } from './local.js';
export type { CodecPreferences } from './codecs.js';
export type { CallStats } from './stats.js';
export { captureBoth, captureCamera, captureMicrophone, captureScreen, listDevices, type Captured } from './capture.js';
export type { DataOptions, RemoteData } from './channels.js';
export type { Downlink, ViewPreference } from './preferences.js';
export type { CanvasLayout, CanvasView, VideoMode } from './pictures.js';
export type { VideoCodec } from './profiles.js';
export type { Snapshot, SnapshotOptions, Thumbnail } from './snapshots.js';
export { watchView, type Size } from './view.js';
export { LevelMeter } from './level.js';
export { Playback, canChooseOutput } from './playback.js';
export { PROTOCOL_VERSION } from './protocol.js';
export type {
  AnnouncementInfo, AnnouncementWish, AudienceChange, AudioMode, AudioPath, Device, DownlinkStats, EnterAs, IdentityInfo, IdentityOffer, Kind, Layer, LeaveReason, MuteState, ParticipantInfo, ParticipantState, PauseCause, Permissions, RemovedReason, ServerStats,
  Shown, Source, SpeakerLevel, StanceInfo, ToneInfo, TrackInfo,
} from './protocol.js';
export type { IdentityAsk, IdentityWish } from './claims.js';
