/** Waits that a caller can leave at any moment, and that leave no timer and no listener behind. */

import { unanswered } from "../errors.js";

/** Over 2^31 ms a timer of browsers fires at once. */
const LONGEST_TIMER = 2e9;

/** Resolves after `ms`, or when the browser comes `online` if told so. Rejects as soon as the signal fires. */
export function rest(ms: number, signal: AbortSignal | null, event = ""): Promise<void> {
  return new Promise((resolve, reject) => {
    // It has a `signal`, so it is the listeners' options too.
    const over = new AbortController();
    const done = () => {
      clearTimeout(timer);
      over.abort();
      if (signal?.aborted) reject(unanswered(signal, signal.reason));
      resolve();
    };
    const timer = setTimeout(done, Math.min(ms, LONGEST_TIMER));
    signal?.addEventListener("abort", done, over);
    globalThis.addEventListener?.(event, done, over);
    if (signal?.aborted) done();
  });
}

/** Resolves once the browser thinks that there is a network, or at `end` (ms of `performance.now()`). */
export async function waitForNetwork(end: number, signal: AbortSignal | null): Promise<void> {
  while (globalThis.navigator?.onLine === false && performance.now() < end)
    await rest(end - performance.now(), signal, "online");
}
