/** Waits that end with the caller's signal and leave neither a timer nor a listener behind. */

import { transportError } from "../errors.js";

/** A browser fires a timer of more than 2^31 ms at once. */
const MAX_TIMER = 2e9;

/** Resolves after `ms`, or earlier at the window's `event`. Rejects when the signal fires. */
export function waitFor(ms: number, signal: AbortSignal | null, event = ""): Promise<void> {
  return new Promise((resolve, reject) => {
    // Short for bytes: it has a `signal`, so it is itself the options of addEventListener. Aborting removes both.
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

/** Resolves when `navigator.onLine` is not false, at the latest at `end` (ms of `performance.now()`). */
export async function waitForNetwork(end: number, signal: AbortSignal | null): Promise<void> {
  while (globalThis.navigator?.onLine === false && performance.now() < end)
    await waitFor(end - performance.now(), signal, "online");
}
