/**
 * RTP header extensions that browsers have but do not offer by themselves (W3C webrtc-extensions,
 * `setHeaderExtensionsToNegotiate`). Engines without it offer what they like; everything works then but AV1 by layers.
 */
import type { VideoCodec } from './profiles.js';
import type { Kind } from './protocol.js';

interface Capability {
  readonly uri: string;
  direction: RTCRtpTransceiverDirection;
}

interface Controllable {
  getHeaderExtensionsToNegotiate?(): Capability[];
  setHeaderExtensionsToNegotiate?(extensions: Capability[]): void;
}

/** Which frame needs which: without it a server cannot leave out layers of AV1. */
const DEPENDENCY_DESCRIPTOR = 'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension';
/** When something was captured, for those who play several things of one person together. */
const CAPTURE_TIME = 'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time';
/** Which encodings are sent, and how large: known before their first packet comes. */
const LAYERS = 'http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00';

/** What to offer besides; a receiver takes whatever others may send. */
export function extensionsFor(kind: Kind, way: 'send' | 'receive', codec?: VideoCodec): string[] {
  if (kind === 'audio') return [CAPTURE_TIME];
  if (way === 'receive') return [CAPTURE_TIME, DEPENDENCY_DESCRIPTOR];
  return [CAPTURE_TIME, LAYERS, ...(codec === 'av1' ? [DEPENDENCY_DESCRIPTOR] : [])];
}

export function offerExtensions(transceiver: RTCRtpTransceiver, uris: readonly string[]): void {
  const controllable = transceiver as unknown as Controllable;
  const known = controllable.getHeaderExtensionsToNegotiate?.();
  if (known === undefined) return;
  const wanted = known.map((one) => (uris.includes(one.uri) && one.direction === 'stopped' ? { ...one, direction: 'sendrecv' as const } : one));
  try {
    controllable.setHeaderExtensionsToNegotiate?.(wanted);
  } catch {
    // An engine that has other rules for it: it keeps what it had.
  }
}
