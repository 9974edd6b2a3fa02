/** Waiting for work that others wait for too. */

import { transportError } from "../errors.js";

/** Like `shared`, but rejects when the signal fires; other callers keep waiting. */
export function detachable<T>(shared: Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  if (!signal) return shared;
  return new Promise((resolve, reject) => {
    const leave = () => reject(transportError(signal, signal.reason));
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave);
    shared.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}
