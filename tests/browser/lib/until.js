/** Waiting for conditions. There is no assertion on time anywhere: a deadline only ends what would hang. */

/** Long enough for a machine that does other work; a test that waits this long has failed. */
export const DEADLINE_MS = 30_000;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Asks again and again until the answer is truthy, and returns it.
 * @param {string | (() => string)} what what is waited for, for the message; a function tells what was seen last.
 */
export async function until(what, ask, { deadlineMs = DEADLINE_MS, everyMs = 200 } = {}) {
  const end = Date.now() + deadlineMs;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      // Pages that navigate lose their world for a moment.
      last = error;
    }
    if (Date.now() > end) {
      const seen = last instanceof Error ? ` (${last.message.split('\n')[0]})` : '';
      throw new Error(`waited ${deadlineMs / 1000} s in vain: ${typeof what === 'function' ? what() : what}${seen}`);
    }
    await sleep(everyMs);
  }
}
