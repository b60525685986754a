/** Which pictures are asked for, and how large: those on the screen, and for a moment those that just left it. */
import { watchView, type Room, type Size } from '@colloquy/sdk';

/** Turning a page and back must not cost two subscriptions. */
const LINGER_MS = 3_000;

const HIDDEN: Size = { width: 0, height: 0 };

export class VideoWishes {
  /** By track, what each element that shows it is large. */
  readonly #shown = new Map<string, Map<Element, Size>>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(private readonly room: Pick<Room, 'subscribe' | 'unsubscribe' | 'prefer'>, private readonly watch = watchView) {}

  /** This element shows this track until the returned function is called. */
  show(track: string, element: Element): () => void {
    const views = this.#shown.get(track) ?? new Map<Element, Size>();
    this.#shown.set(track, views);
    clearTimeout(this.#timers.get(track));
    this.room.subscribe(track);
    const stop = this.watch(element, (size) => {
      views.set(element, size);
      this.#prefer(track, views);
    });
    return () => {
      stop();
      views.delete(element);
      // A tile that grows into the large one is there twice for a moment: the larger counts, and the last one ends it.
      this.#prefer(track, views);
      if (views.size === 0) this.#hide(track, views);
    };
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  #prefer(track: string, views: ReadonlyMap<Element, Size>): void {
    const size = [...views.values()].reduce((large, one) => (one.width * one.height > large.width * large.height ? one : large), HIDDEN);
    this.room.prefer(track, { size });
  }

  #hide(track: string, views: ReadonlyMap<Element, Size>): void {
    if (this.#shown.get(track) === views) this.#shown.delete(track);
    this.#timers.set(track, setTimeout(() => {
      this.#timers.delete(track);
      if (!this.#shown.has(track)) this.room.unsubscribe(track);
    }, LINGER_MS));
  }
}
