/** The wait before a connection is opened again: longer each time and random; over at once when the network is back. */

import { waitFor, waitForNetwork } from "../request/wait.js";
import { jitter } from "../session/browser.js";

/** ms */
const MAX_BACKOFF = 30_000;
export interface Again {
  /** Waits at least `least`, ms. Ends early with `over`, and when the page comes into view or the network back. */
  wait(initial: number, least?: number): Promise<void>;
  /** The next wait is a first one. */
  reset(): void;
}

/** Counts the failures of one connection. */
export function createAgain(over: AbortSignal): Again {
  let failures = 0;
  return {
    reset() {
      failures = 0;
    },
    async wait(initial, least = 0) {
      const done = new AbortController();
      const ends = AbortSignal.any([over, done.signal]);
      const ms = Math.max(least, jitter(Math.min(MAX_BACKOFF, initial * 2 ** failures++)));
      const until = (event: string) => waitFor(ms, ends, event).catch(() => {});
      await Promise.race([until("online"), until("visibilitychange")]);
      done.abort();
      await waitForNetwork(Infinity, over).catch(() => {});
    },
  };
}
