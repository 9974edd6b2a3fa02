/**
 * One at a time per cookie jar: a Web Lock around one HTTP call (PROTOCOL §5).
 *
 * Only ever an optimisation; the server's table is right without it. Browsers do lose locks (frozen pages, crashed
 * workers), so the wait is bounded, and after it we go on without. Never stolen: a theft from the living would make
 * both go at once, and a chain of thefts has frozen whole applications elsewhere.
 */

import type { BrowserScope } from "./browser.js";

/** Runs `act` alone, as far as can be had. */
export type Lock = <T>(act: () => Promise<T>) => Promise<T>;

/** `timeout` (ms) must be longer than what `act` may take. */
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
      // The signal ends the wait alone: once the lock is had it has no power any more.
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
