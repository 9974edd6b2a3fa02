/**
 * One call at a time for all tabs that share a cookie: a Web Lock around one HTTP call (PROTOCOL §5).
 *
 * It is only an optimisation; the server's table is correct without it. Browsers do lose locks (frozen pages, crashed
 * workers), so the wait is bounded, and after it the call is made without the lock. So are those that follow, until the
 * lock is found free: a tab may be frozen for hours. The lock is never stolen (`steal: true`): the holder may still be
 * running, and in other libraries tabs that stole from each other in turn have frozen whole applications.
 */

import type { BrowserScope } from "./browser.js";

/** Runs `act` while no other tab does, if possible. */
export type Lock = <T>(act: () => Promise<T>) => Promise<T>;

/** `timeout` (ms) is how long to wait for the lock; it must be longer than `act` can take. */
export function createLock(scope: BrowserScope, name: string, timeout: number): Lock {
  const locks = scope.navigator?.locks;
  /** Whether the last wait ran out. */
  let isLost = false;
  let last: Promise<unknown> = Promise.resolve();

  function inOrder<T>(act: () => Promise<T>): Promise<T> {
    const next = last.then(act, act);
    last = next;
    return next;
  }

  async function acrossTabs<T>(act: () => Promise<T>): Promise<T> {
    let acting: Promise<T> | undefined;
    try {
      // The signal only ends the wait; once the lock is granted it has no effect.
      const patience = isLost ? { ifAvailable: true } : { signal: AbortSignal.timeout(timeout) };
      return await locks!.request(name, patience, (held) => {
        isLost = !held;
        acting = act();
        return acting;
      });
    } catch {
      isLost ||= !acting;
      return acting ?? act();
    }
  }

  return locks ? acrossTabs : inOrder;
}
