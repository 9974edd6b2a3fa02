/**
 * One call at a time for all tabs that share a cookie: a Web Lock around one HTTP call (PROTOCOL §5).
 *
 * It is only an optimisation; the server's table is correct without it. Browsers do lose locks (frozen pages, crashed
 * workers), so the wait is bounded, and after it the call is made without the lock. The lock is never stolen
 * (`steal: true`): the holder may still be running, and in other libraries tabs that stole from each other in turn have
 * frozen whole applications.
 */

import type { BrowserScope } from "./browser.js";

/** Runs `act` while no other tab does, if possible. */
export type Lock = <T>(act: () => Promise<T>) => Promise<T>;

/** `timeout` (ms) is how long to wait for the lock; it must be longer than `act` can take. */
export function createLock(scope: BrowserScope, name: string, timeout: number): Lock {
  const locks = scope.navigator?.locks;
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
      return await locks!.request(name, { signal: AbortSignal.timeout(timeout) }, () => {
        acting = act();
        return acting;
      });
    } catch {
      return acting ?? act();
    }
  }

  return locks ? acrossTabs : inOrder;
}
