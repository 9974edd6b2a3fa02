/** Waiting for work that others wait for too. */

import { transportError } from "../errors.js";

/** Starts or joins shared work; rejects when the signal fires, before it starts any. Other callers keep waiting. */
export function detachable<T>(start: () => Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  if (!signal) return start();
  return new Promise((resolve, reject) => {
    const leave = () => reject(transportError(signal, signal.reason));
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave);
    start()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", leave));
  });
}
