/** How tracks are looked at. Kept by track, said by place: a place shows one track after another. Pure. */

/** How a track is looked at. */
export interface ViewPreference {
  /** Size of the element in pixels of the screen; no width or height: it is not seen. `null`: unknown, the best is sent. */
  readonly size: { readonly width: number; readonly height: number } | null;
  /** It comes before everything else, and last-N does not apply to it. */
  readonly pinned: boolean;
  /** Its share among its equals, 1 to 8. */
  readonly weight: number;
}

/** What we want to receive in all. */
export interface Downlink {
  /** Cameras at most: those of who spoke last. Pinned ones and screens do not count. */
  readonly lastN?: number;
  /** Bits a second at most, 16,000 or more. */
  readonly maxBps?: number;
}

export const NO_PREFERENCE: ViewPreference = { size: null, pinned: false, weight: 1 };

/** A resized window changes every size a little: what is within one step is the same. */
const STEP_PX = 16;
const MOST_PX = 16_384;
const MOST_WEIGHT = 8;

/** The preference with the change, within what the server takes. */
export function change(preference: ViewPreference, { size = preference.size, pinned = preference.pinned, weight = preference.weight }: Partial<ViewPreference>): ViewPreference {
  return {
    pinned, weight: Math.min(MOST_WEIGHT, Math.max(1, Math.round(weight))),
    size: size === null ? null : { width: step(size.width), height: step(size.height) },
  };
}

export function same(a: ViewPreference, b: ViewPreference): boolean {
  return a.pinned === b.pinned && a.weight === b.weight && a.size?.width === b.size?.width && a.size?.height === b.size?.height;
}

/** Rounded up, so that rounding never costs sharpness. */
function step(px: number): number {
  return Number.isFinite(px) && px > 0 ? Math.min(MOST_PX, Math.ceil(px / STEP_PX) * STEP_PX) : 0;
}
