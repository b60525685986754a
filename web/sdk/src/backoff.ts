/** How long to wait before the next attempt to reconnect. Pure: the random source comes from outside. */

export interface BackoffOptions {
  /** The base of the first wait. */
  readonly minMs: number;
  /** No wait is longer. */
  readonly maxMs: number;
}

export const RECONNECT_BACKOFF: BackoffOptions = { minMs: 500, maxMs: 8_000 };

/**
 * Exponential with "equal jitter": at least half of the step, so that nobody hammers the server, and a random rest, so
 * that the clients of a restarted server do not come back in one wave.
 * @param attempt 0 for the first.
 * @param random in [0, 1).
 */
export function backoffMs(attempt: number, random: number, options: BackoffOptions = RECONNECT_BACKOFF): number {
  // 2^20 is beyond every maximum; the cap keeps the power finite for a client that tries for days.
  const step = Math.min(options.maxMs, options.minMs * 2 ** Math.min(attempt, 20));
  return Math.max(options.minMs, step / 2 + random * (step / 2));
}
