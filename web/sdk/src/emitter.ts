/** A small typed event emitter: `Events` maps each event's name to the type of its one argument. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(payload: never) => void>>();

  /** Calls `listener` at each `event`; returns the function that stops it. */
  on<E extends keyof Events>(event: E, listener: (payload: Events[E]) => void): () => void {
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set);
    set.add(listener);
    return () => set.delete(listener);
  }

  /** As {@link on}, but only for the next one. */
  once<E extends keyof Events>(event: E, listener: (payload: Events[E]) => void): () => void {
    const stop = this.on(event, (payload) => {
      stop();
      listener(payload);
    });
    return stop;
  }

  protected emit<E extends keyof Events>(event: E, payload: Events[E]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        (listener as (payload: Events[E]) => void)(payload);
      } catch (error) {
        // One listener's defect must not stop the others, nor the call.
        console.error(`colloquy: a listener of "${String(event)}" failed`, error);
      }
    }
  }
}
