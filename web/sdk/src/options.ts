import type { CodecPreferences } from './codecs.js';
import type { VideoCodec } from './profiles.js';
import type { IdentityAsk } from './claims.js';
import type { Device, EnterAs, Kind } from './protocol.js';

export interface RoomOptions {
  /** The WebSocket's address, for example `wss://example.org/api/v1/ws`. */
  readonly url: string;
  /** An access token, where the server asks for one. */
  readonly token?: string;
  /** What to receive without being asked: everything, one kind, or nothing. Default: everything. */
  readonly autoSubscribe?: boolean | Kind;
  /**
   * What it is received on. A phone would rather decode one voice than many: others are heard as the server finds best, unless
   * `setAudioMode` says otherwise. An earpiece and a watch are sent all voices in one, no pictures, and 40 kb/s at most.
   * Default: something with a screen.
   */
  readonly device?: Device;
  /** The order in which codecs are offered. */
  readonly codecs?: CodecPreferences;
  /**
   * What our pictures are sent in, where browser and server can. VP8 and H.264 go as simulcast, VP9 and AV1 as one encoding with
   * spatial layers. Default: what the browser likes best.
   */
  readonly codec?: VideoCodec;
  /** Sends sound with redundancy (RED, RFC 2198). Default: as the browser likes. */
  readonly red?: boolean;
  /** Takes part in data channels: needed to be reached by those of others before one was opened. Default: no. */
  readonly data?: boolean;
  /** More for the peer connection, such as `iceTransportPolicy`. ICE servers given here come beside those of the server. */
  readonly rtc?: RTCConfiguration;
  /**
   * Has our identity provider assert who we are, for the certificate of this call: gives the assertion, or nothing where nobody is
   * signed in. Asked where the server takes or wants a proof. Default: others are told nothing.
   */
  readonly identity?: IdentityAsk;
  /** Free text for the server's log. */
  readonly client?: string;
  /** For how long to try to reconnect before giving up. Default: two minutes. */
  readonly giveUpAfterMs?: number;
}

export interface JoinOptions {
  /**
   * What to come in as: one who takes part (the default), a helper or a monitor. Holds for when the server has forgotten us after a
   * loss, too.
   */
  readonly as?: EnterAs;
  /** Whether the server may make still pictures of our camera and screen, for lists and walls. Default: yes. Holds after a loss, too. */
  readonly snapshots?: boolean;
}
