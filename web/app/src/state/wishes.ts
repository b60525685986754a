/** Which pictures are asked for: those that are on the screen, and for a moment those that just left it. */
import type { Room } from '@colloquy/sdk';

/** Turning a page and back must not cost two subscriptions. */
const LINGER_MS = 3_000;

export class VideoWishes {
  readonly #shown = new Map<string, number>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(private readonly room: Room) {}

  /** A tile shows this track until the returned function is called. */
  show(track: string): () => void {
    this.#shown.set(track, (this.#shown.get(track) ?? 0) + 1);
    clearTimeout(this.#timers.get(track));
    this.room.subscribe(track);
    let done = false;
    return () => {
      if (!done) this.#hide(track);
      done = true;
    };
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  #hide(track: string): void {
    const left = (this.#shown.get(track) ?? 1) - 1;
    if (left > 0) {
      this.#shown.set(track, left);
      return;
    }
    this.#shown.delete(track);
    this.#timers.set(track, setTimeout(() => {
      this.#timers.delete(track);
      if (!this.#shown.has(track)) this.room.unsubscribe(track);
    }, LINGER_MS));
  }
}
