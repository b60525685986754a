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

/**
 * The same offer, by which Opus is decoded in stereo. Chromium otherwise mixes what it receives down to one channel, and a whisper that the
 * server mixes in from one side (RFC 7587 section 6.1, `stereo`) would come from the middle.
 */
export function inStereo(offer: string): string {
  return changeOpus(offer, (parameters) => (STEREO.test(parameters) ? parameters : `${parameters};stereo=1`));
}

/** The answer to such an offer, by which Opus is sent as before: a browser sends as many channels as the answer says that it likes to get. */
export function sentAsBefore(answer: string): string {
  return changeOpus(answer, (parameters) => parameters.replace(STEREO, '').replace(/^;/, ''));
}

const STEREO = /(^|;)\s*stereo=[01]/;

function changeOpus(sdp: string, change: (parameters: string) => string): string {
  const opus = new Set([...sdp.matchAll(/^a=rtpmap:(\d+) opus\//gim)].map(([, number]) => number));
  return sdp.replace(/^a=fmtp:(\d+) (.*)$/gm, (line, number: string, parameters: string) =>
    opus.has(number) ? `a=fmtp:${number} ${change(parameters)}` : line);
}
