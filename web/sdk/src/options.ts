import type { CodecPreferences } from './codecs.js';
import type { Kind } from './protocol.js';

export interface RoomOptions {
  /** The WebSocket's address, for example `wss://example.org/api/v1/ws`. */
  readonly url: string;
  /** An access token, where the server asks for one. */
  readonly token?: string;
  /** What to receive without being asked: everything, one kind, or nothing. Default: everything. */
  readonly autoSubscribe?: boolean | Kind;
  /** The order in which codecs are offered. */
  readonly codecs?: CodecPreferences;
  /** Free text for the server's log. */
  readonly client?: string;
  /** For how long to try to reconnect before giving up. Default: two minutes. */
  readonly giveUpAfterMs?: number;
}
