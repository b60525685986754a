/** Which tracks the caller wants to receive: a rule for all, and exceptions by track. */
import type { Kind, TrackInfo } from './protocol.js';

export class Wishes {
  readonly #chosen = new Set<string>();
  readonly #declined = new Set<string>();

  /** @param auto everything, one kind, or nothing unless it is chosen. */
  constructor(private readonly auto: boolean | Kind) {}

  choose(track: string): void {
    this.#chosen.add(track);
    this.#declined.delete(track);
  }

  decline(track: string): void {
    this.#chosen.delete(track);
    this.#declined.add(track);
  }

  /** The track is no more. */
  forget(track: string): void {
    this.#chosen.delete(track);
    this.#declined.delete(track);
  }

  wants(track: TrackInfo): boolean {
    if (this.#declined.has(track.id)) return false;
    return this.auto === true || this.auto === track.kind || this.#chosen.has(track.id);
  }
}
