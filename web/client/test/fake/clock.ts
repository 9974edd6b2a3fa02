/** Timers that only move when told to: no test waits for real time. */

import { afterEach, beforeEach, vi } from "vitest";

const { now } = Date;
const PATIENCE = 30_000; // ms of the machine's time

/** Fake timers for every test of a file. */
export function useFakeClock(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"], now: 1_800_000_000_000 });
    vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
      const abort = new AbortController();
      setTimeout(() => abort.abort(new DOMException("The operation timed out.", "TimeoutError")), ms);
      return abort.signal;
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
}

/**
 * Let time pass until `promise` settles; its value or its error. Fails if it never does.
 *
 * What it waits for may be none of our timers, but a file or a hash: a busy machine needs more turns for these.
 */
export async function settled<T>(promise: Promise<T>): Promise<T> {
  let isDone = false;
  promise.then(
    () => (isDone = true),
    () => (isDone = true),
  );
  const end = now() + PATIENCE;
  for (let step = 0; step < 5_000 || now() < end; step++) {
    await vi.advanceTimersByTimeAsync(0);
    if (isDone) return promise;
    await vi.advanceTimersToNextTimerAsync();
  }
  throw new Error("This promise never settles.");
}

/** Let `seconds` pass. */
export async function pass(seconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(seconds * 1_000);
}
