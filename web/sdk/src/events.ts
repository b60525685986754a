import type { AudienceState } from './audience.js';
import type { RemoteData } from './channels.js';
import type { ConnectionState } from './connection.js';
import type { ColloquyError } from './errors.js';
import type { AudioPath, Joined, RemovedReason, Shown, Source, SpeakerLevel, TrackInfo } from './protocol.js';
import type { VideoMode } from './pictures.js';
import type { Change } from './state.js';
import type { TransportState } from './ice.js';

/**
 * What happens to people and their tracks: `participantJoined`, `participantLeft` (with its reason), `participantState`,
 * `trackPublished`, `trackUnpublished`, `trackMuted`.
 */
export type ChangeEvents = { [C in Change as C['type']]: Omit<C, 'type'> };

/** What a room tells its listeners. */
export interface RoomEvents extends ChangeEvents {
  /** The connection to the server. */
  state: ConnectionState;
  /** The media path. */
  transport: TransportState;
  joined: Joined;
  /** Back after a loss; `resumed` is false when the server had forgotten us and we joined anew. */
  restored: { readonly resumed: boolean };
  /** Media that can be shown or heard. */
  trackSubscribed: { readonly track: TrackInfo; readonly media: MediaStreamTrack };
  /** The media of this track (id) is no longer received. */
  trackUnsubscribed: { readonly track: string };
  speakers: { readonly speakers: readonly SpeakerLevel[]; readonly dominant: string | null };
  quality: { readonly participant: string; readonly score: number };
  /** What a video that we receive (its id) shows now: a layer, or nothing and why. */
  shown: { readonly track: string; readonly shown: Shown };
  /** Others are heard so from now on: each by himself, or all mixed by the server. */
  audioPath: AudioPath;
  /** The mix of all that we hear, or `null` when it comes no more. Play it: what the server plays to us comes in it as well. */
  mixed: MediaStreamTrack | null;
  /** Others are to be seen so from now on. It goes back to `forward` by itself where the server draws no canvas for us. */
  videoMode: VideoMode;
  /** The canvas with all whom we see, or `null` when it comes no more. */
  canvas: MediaStreamTrack | null;
  /** Where we stand, or what we get of others, is not as it was. */
  audience: AudienceState;
  /** Somebody opened a data channel to us. */
  data: RemoteData;
  /** One of our devices stopped by itself. */
  deviceEnded: { readonly source: Source };
  /** Anything about our own tracks. */
  localChanged: undefined;
  /** Anything about the people in the room; comes once after the finer events of the same cause. */
  changed: undefined;
  /** The server took us out of the room. */
  removed: { readonly reason: RemovedReason; readonly message: string };
  /** The room leaves as a stream from now on, or no longer: others than those in it may hear and see it. Told again after `joined` and `restored`. */
  streamed: boolean;
  /** The server will stop. */
  draining: { readonly seconds: number; readonly message: string };
  /** The call is over and no further attempt is made. */
  closed: ColloquyError;
  /** Something in the background failed that nobody was waiting for. */
  error: ColloquyError;
}
