/**
 * One offer at a time. Wishes that come while an offer is under way wait for the next one, all of them together: fifty
 * people who are found in a room cost one offer, not fifty.
 */
import { ColloquyError, isConnectionLoss } from './errors.js';

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class NegotiationQueue {
  #waiting: Waiter[] = [];
  #running = false;
  #paused = false;
  #closed = false;

  /** @param negotiate makes, sends and applies one offer. */
  constructor(private readonly negotiate: () => Promise<void>) {}

  /** Resolves when an offer that was made after this call has been answered. */
  request(): Promise<void> {
    if (this.#closed) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#kick();
    });
  }

  /** The socket is gone: wishes are kept until {@link resume}. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#kick();
  }

  close(): void {
    this.#closed = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) waiter.reject(closed());
  }

  #kick(): void {
    if (this.#running) return;
    this.#running = true;
    // When this task is over, so that everything that the caller asks for in one go, promises and drawing included, is in
    // one offer.
    afterThisTask(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#paused && !this.#closed) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.negotiate();
        for (const waiter of batch) waiter.resolve();
      } catch (error) {
        if (isConnectionLoss(error) && !this.#closed) {
          // Not the offer's fault: the same wishes go into the first offer after reconnecting.
          this.#waiting = [...batch, ...this.#waiting];
          this.#paused = true;
        } else {
          for (const waiter of batch) waiter.reject(error);
        }
      }
    }
    this.#running = false;
  }
}

/** Not `setTimeout`: a tab in the background would wait for a second. */
function afterThisTask(run: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    run();
  };
  port2.postMessage(null);
}

function closed(): ColloquyError {
  return new ColloquyError('client.closed', 'The transport is closed.');
}
