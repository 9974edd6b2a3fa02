/** Waits that a caller can leave at any moment, and that leave no timer and no listener behind. */

import { transportError } from "../errors.js";

/** Over 2^31 ms a timer of browsers fires at once. */
const MAX_TIMER = 2e9;

/** Resolves after `ms`, or when the browser comes `online` if told so. Rejects as soon as the signal fires. */
export function waitFor(ms: number, signal: AbortSignal | null, event = ""): Promise<void> {
  return new Promise((resolve, reject) => {
    // It has a `signal`, so it is the listeners' options too.
    const finished = new AbortController();
    const done = () => {
      clearTimeout(timer);
      finished.abort();
      if (signal?.aborted) reject(transportError(signal, signal.reason));
      resolve();
    };
    const timer = setTimeout(done, Math.min(ms, MAX_TIMER));
    signal?.addEventListener("abort", done, finished);
    globalThis.addEventListener?.(event, done, finished);
    if (signal?.aborted) done();
  });
}

/** Resolves once the browser thinks that there is a network, or at `end` (ms of `performance.now()`). */
export async function waitForNetwork(end: number, signal: AbortSignal | null): Promise<void> {
  while (globalThis.navigator?.onLine === false && performance.now() < end)
    await waitFor(end - performance.now(), signal, "online");
}
