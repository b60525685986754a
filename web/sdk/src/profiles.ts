/**
 * What we ask of the encoder: how many encodings or layers of a picture, how large, and how many bits each. Pure.
 * A server that forwards chooses among them for each viewer, so the best and the least that anybody may need are sent.
 */

export type VideoCodec = 'vp8' | 'h264' | 'vp9' | 'av1';

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** `scalabilityMode` (W3C webrtc-svc) is not in every TypeScript library yet. Engines that do not know it pass it over. */
export type Encoding = RTCRtpEncodingParameters & { scalabilityMode?: string };

/** What a camera is taken for when it does not tell: most give this. */
const USUAL: PictureSize = { width: 1280, height: 720 };

/** Pixels, and the bits a second that VP8 needs for faces in them at 30 frames a second; between them it is interpolated. */
const BITRATES: readonly (readonly [pixels: number, bps: number])[] = [
  [160 * 90, 60_000], [320 * 180, 150_000], [640 * 360, 500_000], [1280 * 720, 2_500_000], [1920 * 1080, 4_000_000],
];

/** A whole encoding below this many lines is of no use to anybody. */
const LEAST_LINES = 135;

/** Bits a second for pictures of this size. */
export function bitrateFor({ width, height }: PictureSize): number {
  const pixels = width * height;
  const above = BITRATES.findIndex(([at]) => at >= pixels);
  const [low, high] = [BITRATES[Math.max(0, above - 1)], BITRATES[above]];
  if (above === 0 || low === undefined) return BITRATES[0]?.[1] ?? 0;
  if (high === undefined) return BITRATES.at(-1)?.[1] ?? 0;
  // A straight line between the logarithms: twice the pixels, so many times the bits.
  const share = Math.log(pixels / low[0]) / Math.log(high[0] / low[0]);
  return Math.round((low[1] * (high[1] / low[1]) ** share) / 1000) * 1000;
}

/** A camera: three simulcast encodings of three temporal layers each, or one encoding with spatial layers for VP9 and AV1. */
export function cameraEncodings(size: PictureSize | null, codec: VideoCodec = 'vp8'): Encoding[] {
  const full = size ?? USUAL;
  const count = layersFor(full);
  if (codec === 'vp9' || codec === 'av1') {
    return [{ maxBitrate: bitrateFor(full), scalabilityMode: count === 1 ? 'L1T3' : `L${count}T3_KEY` }];
  }
  // From the smallest up: engines give bits to the first ones first.
  return ['q', 'h', 'f'].slice(3 - count).map((rid, i) => {
    const scaleResolutionDownBy = 2 ** (count - 1 - i);
    const scaled = { width: full.width / scaleResolutionDownBy, height: full.height / scaleResolutionDownBy };
    return { ...(count === 1 ? {} : { rid }), scaleResolutionDownBy, maxBitrate: bitrateFor(scaled), scalabilityMode: 'L1T3' };
  });
}

/**
 * A screen must stay sharp, so its small encoding is one of few pictures and few bits, not of few pixels: with its temporal layers it is
 * 1, 2 or 5 pictures a second for 120 to 300 kb/s, in the full size. Engines take two encodings of one size in every codec, and VP9 and
 * AV1 too are then two streams, of which one can be paused. Spatial layers would give up pixels, and one stream costs 1 Mb/s at least.
 */
export function screenEncodings(): Encoding[] {
  return [
    { rid: 'h', scaleResolutionDownBy: 1, maxBitrate: 300_000, maxFramerate: 5, scalabilityMode: 'L1T3' },
    { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 2_500_000, maxFramerate: 30, scalabilityMode: 'L1T3' },
  ];
}

/** How many steps of half the size the picture has before it is too small. */
function layersFor({ width, height }: PictureSize): number {
  const lines = Math.min(width, height);
  return lines >= 4 * LEAST_LINES ? 3 : lines >= 2 * LEAST_LINES ? 2 : 1;
}

/** The size that a track has now, where the browser tells. */
export function sizeOf(media: MediaStreamTrack): PictureSize | null {
  const { width, height } = media.getSettings?.() ?? {};
  return width !== undefined && height !== undefined && width > 0 && height > 0 ? { width, height } : null;
}
