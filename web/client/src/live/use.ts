/**
 * When a connection may have a newer token made: while the page is in use.
 *
 *     a token in memory, with time left                    taken
 *     ran out, and the page was used since the last one    refreshed
 *     ran out, and it was not                              waits: for a sign of use, or a token that a request has made
 *
 * Signs are a key, a click, a touch, the page coming into view or into focus, and what the application sends. So an
 * open connection by itself never refreshes, and the session of an abandoned page ends (PROTOCOL §8). A page that is
 * only looked at (a screen on a wall) says `renew: "visible"`.
 */

import { waitFor } from "../request/wait.js";
import { createListeners, type Listeners } from "../session/listeners.js";
import type { AccessToken, Session } from "../session/types.js";

/** `used`: after a sign of use. `visible`: also as long as the page is in view. */
export type Renew = "used" | "visible";

/** A token that has less time left is not taken, as taking it would start a refresh. ms */
const MARGIN = 60_000;
const SIGNS = ["pointerdown", "keydown", "focus", "visibilitychange"];

/** A token that a connection has shown. `expiresAt` (ms) tells it from a newer one. */
export interface Held extends AccessToken {
  readonly expiresAt: number | null;
}

export interface Use {
  readonly signs: Listeners<void>;
  /** Counts as a sign of use. */
  note(): void;
  /** Whether a token with time left is in memory that is newer than this one. */
  isNewer(held?: Held): boolean;
  /** Whether a newer token than this one may be taken or made now. */
  mayTake(held?: Held): boolean;
  /** Takes or makes it. Null if a refresh would not help. Rejects as `session.token`. */
  take(held?: Held): Promise<Held | null>;
  /** Resolves when `mayTake` may have another answer, or at the end. */
  next(): Promise<void>;
}

/** Everything ends when `over` fires. That the connection is opened is a sign of use, like a request. */
export function createUse(session: Session, renew: Renew, over: AbortSignal): Use {
  const signs = createListeners<void>();
  let isUsed = true;
  const isHidden = () => globalThis.document?.visibilityState === "hidden";
  const expiresAt = () => session.getSnapshot().expiresAt;

  function note(): void {
    isUsed = true;
    signs.emit();
  }

  function isNewer(held?: Held): boolean {
    const end = expiresAt();
    const margin = Math.min(MARGIN, session.getSnapshot().lifetime! / 3);
    return end !== null && end !== held?.expiresAt && end - performance.now() > margin;
  }

  const onSign = () => isHidden() || note();
  for (const type of SIGNS) globalThis.addEventListener?.(type, onSign, { signal: over, passive: true, capture: true });

  return {
    signs,
    note,
    isNewer,
    mayTake: (held) => isUsed || (renew === "visible" && !isHidden()) || isNewer(held),
    async take(held) {
      // Else a connection that is closed while it waits for a sign of use would refresh.
      over.throwIfAborted();
      const before = isUsed;
      isUsed = false;
      try {
        // At any age: what the guard refuses may be young and yet have claims that have changed.
        const token = await session.token(held?.serial, over, true);
        return token && { ...token, expiresAt: expiresAt() };
      } catch (error) {
        isUsed ||= before;
        throw error;
      }
    },
    async next() {
      const done = new AbortController();
      const stops = [signs.add, session.subscribe].map((listen) => listen(() => done.abort()));
      await waitFor(Infinity, AbortSignal.any([over, done.signal])).catch(() => {});
      for (const stop of stops) stop();
    },
  };
}
