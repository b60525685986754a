/** Codec preferences: an order by name, applied to the browser's own list of what it can do. */
import type { VideoCodec } from './profiles.js';
import type { Kind } from './protocol.js';

export interface CodecPreferences {
  /** Names such as `VP8`, `VP9`, `H264`, `AV1`, the best first. */
  readonly video?: readonly string[];
  /** Names such as `opus`. */
  readonly audio?: readonly string[];
}

/** What the short options come to; what is said at length comes first. */
export function preferencesFrom({ codecs = {}, codec, red = false }: { codecs?: CodecPreferences; codec?: VideoCodec; red?: boolean }): CodecPreferences {
  return {
    video: codecs.video ?? (codec === undefined ? [] : [codec]),
    // The browser then sends each piece of sound twice and more (RFC 2198): little next to video, and much under loss.
    audio: codecs.audio ?? (red ? ['red', 'opus'] : []),
  };
}

/** The same codecs, those named in `order` first; RTX and the like keep their place behind. */
export function orderCodecs<C extends { readonly mimeType: string }>(codecs: readonly C[], order: readonly string[]): C[] {
  const wanted = order.map((name) => name.toLowerCase());
  const rank = (codec: C): number => {
    const at = wanted.indexOf(codec.mimeType.split('/')[1]?.toLowerCase() ?? '');
    return at === -1 ? wanted.length : at;
  };
  return [...codecs].sort((a, b) => rank(a) - rank(b));
}

export function preferCodecs(transceiver: RTCRtpTransceiver, kind: Kind, preferences: CodecPreferences): void {
  const order = preferences[kind];
  const capabilities = RTCRtpReceiver.getCapabilities?.(kind);
  if (order === undefined || order.length === 0 || !capabilities) return;
  // Old engines have no such method; they then send what the server likes best.
  transceiver.setCodecPreferences?.(orderCodecs(capabilities.codecs, order));
}
