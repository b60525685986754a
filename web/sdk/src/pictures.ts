/** How others are to be seen: each by himself, or all on one canvas that the server draws. Pure. */

/** Each by himself, or all on one canvas. */
export type VideoMode = 'forward' | 'composite';

/** How a canvas is laid out: as in every room, or as `layout:NAME` was arranged for this one. */
export type CanvasLayout = 'grid' | 'speaker' | 'presentation' | 'picture_in_picture' | `layout:${string}`;

/** What is seen on a canvas. */
export interface CanvasView {
  /** Default: `grid`. */
  readonly layout?: CanvasLayout;
  /** The participant who comes first, whoever speaks. In a grid nobody does. */
  readonly pin?: string | null;
}

/** Whether a track is a canvas by its name. */
export function isCanvas(track: string): boolean {
  return track.startsWith('layout:') || LAYOUTS.includes(track);
}

const LAYOUTS: readonly string[] = ['grid', 'speaker', 'presentation', 'picture_in_picture'] satisfies CanvasLayout[];

export class Pictures {
  #mode: VideoMode = 'forward';
  #layout: CanvasLayout = 'grid';
  #pin: string | null = null;

  get mode(): VideoMode { return this.#mode; }
  /** The track that a canvas is where the server takes one; `null` while each is seen by himself. */
  get track(): CanvasLayout | null { return this.#mode === 'composite' ? this.#layout : null; }

  /** Who comes first in a place of this track. */
  pin(track: string): string | null { return track === this.track && track !== 'grid' ? this.#pin : null; }

  set(mode: VideoMode, { layout = 'grid', pin = null }: CanvasView): void {
    this.#mode = mode;
    this.#layout = layout;
    this.#pin = pin;
  }
}
