/** What we want to receive: the mix, tracks of others or one canvas with them, and how each is looked at. It outlives a transport. */
import { isCanvas, Pictures, type CanvasView, type VideoMode } from './pictures.js';
import type { Places } from './places.js';
import { change, NO_PREFERENCE, same, type ViewPreference } from './preferences.js';
import type { Kind, TrackInfo } from './protocol.js';
import { Wishes } from './wishes.js';

/** What the server calls the mix of all that we hear, where it takes a track. */
export const MIX = 'mix';
/** What we call any canvas, where we keep how it is looked at: it stays so in another layout. */
const CANVAS = 'canvas';

export interface ReceivingHost {
  /** Where it comes, while there is a transport and we may receive. */
  places(): Places | null;
  /** All that others publish. */
  tracks(): readonly TrackInfo[];
  /** The mix is of use, or something that is played to us. */
  wantsMix(): boolean;
  /** Pictures are of no use. */
  onlyHears(): boolean;
  isHere(participant: string): boolean;
}

export class Receiving {
  readonly #wishes: Wishes;
  readonly #preferences = new Map<string, ViewPreference>();
  readonly #pictures = new Pictures();

  constructor(private readonly auto: boolean | Kind, private readonly host: ReceivingHost) {
    this.#wishes = new Wishes(auto);
  }

  /** The kinds of which more may come by itself: a place to spare is of use. */
  get spares(): readonly Kind[] {
    if (this.auto === false || this.host.places() === null) return [];
    return this.host.onlyHears() || this.#pictures.track !== null ? ['audio'] : ['audio', 'video'];
  }

  get videoMode(): VideoMode { return this.#pictures.mode; }
  get canvas(): MediaStreamTrack | null { return this.host.places()?.media(this.#pictures.track ?? '') ?? null; }

  /** Whether this track is the canvas that we want now. */
  isCanvas(track: string): boolean { return track === this.#pictures.track; }
  /** Who comes first in a place of this track. */
  pin(track: string): string | null { return this.#pictures.pin(track); }
  preference(track: string): ViewPreference { return this.#preferences.get(isCanvas(track) ? CANVAS : track) ?? NO_PREFERENCE; }

  subscribe(track: string): void {
    this.#wishes.choose(track);
    this.apply();
  }

  unsubscribe(track: string): void {
    this.#wishes.decline(track);
    this.host.places()?.drop(track);
  }

  prefer(track: string, wish: Partial<ViewPreference>): void {
    const before = this.preference(track);
    const after = change(before, wish);
    if (same(before, after)) return;
    this.#preferences.set(track, after);
    this.host.places()?.prefer(track);
  }

  preferCanvas(size: ViewPreference['size']): void {
    this.#preferences.set(CANVAS, change(NO_PREFERENCE, { size }));
    this.host.places()?.prefer(this.#pictures.track ?? '');
  }

  /** Tells whether it is another mode than before. */
  setVideoMode(mode: VideoMode, view: CanvasView): boolean {
    const [before, places] = [this.#pictures.track, this.host.places()];
    // One who has left meanwhile is nobody's first, and would be refused.
    const pin = view.pin != null && this.host.isHere(view.pin) ? view.pin : null;
    this.#pictures.set(this.host.onlyHears() ? 'forward' : mode, { ...view, pin });
    const after = this.#pictures.track;
    if (before === null && after !== null) for (const { id, kind } of this.host.tracks()) if (kind === 'video') places?.drop(id);
    if (before !== null && after === null) places?.drop(before);
    if (before !== null && after !== null) places?.turn(before, after, 'video');
    this.apply();
    if (after !== null) places?.prefer(after);
    return (before === null) !== (after === null);
  }

  /** Asks for all that is wanted and does not come. Places stay when they are of no use: the way back needs no offer then. */
  apply(): void {
    const [places, canvas] = [this.host.places(), this.#pictures.track];
    if (this.host.wantsMix()) places?.want(MIX, 'audio');
    if (canvas !== null) places?.want(canvas, 'video');
    const noPictures = canvas !== null || this.host.onlyHears();
    for (const track of this.host.tracks()) {
      if (this.#wishes.wants(track) && !(noPictures && track.kind === 'video')) places?.want(track.id, track.kind);
    }
  }

  /** The track is no more. */
  forget(track: string): void {
    this.host.places()?.forget(track);
    this.#wishes.forget(track);
    this.#preferences.delete(track);
  }

  /** Nothing is known any more of how anything is looked at. */
  clear(): void {
    this.#preferences.clear();
  }
}
