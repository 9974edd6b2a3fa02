/**
 * What one tab knows of its session: the snapshot that applications see, and the access token that they do not.
 *
 * Every access token gets a stamp, higher than all before. A request remembers the stamp it was sent with, so a 401
 * that comes late is answered with the newer token and no second refresh. `since` is the first stamp of the present
 * sign-in: what was sent before it belonged to somebody else, perhaps, and is never sent again.
 */

import type { Grant } from "./endpoints.js";
import { createListeners, type Listeners } from "./listeners.js";
import { type Pass, type SessionEvent, type Snapshot, UNKNOWN } from "./types.js";

/** Read by all parts of a session; changed by `take`, `learn` and `clear` alone. */
export interface Memory {
  readonly changed: Listeners<void>;
  readonly events: Listeners<SessionEvent>;
  readonly snapshot: Snapshot;
  readonly sid: string | null;
  readonly stamp: number;
  readonly since: number;
  /** The access token, while it has time left. */
  readonly pass: Pass | null;
  /** That time, ms; not positive if there is no token. */
  readonly left: number;
  /** Hold a new access token. That of another sign-in replaces all that was known. */
  take(grant: Grant): void;
  /** The same session, but something was learnt. */
  learn(facts: Partial<Snapshot>): void;
  /** Another session, or none: nothing but `facts` is known. */
  clear(facts: Partial<Snapshot>): void;
}

/** `now` is the monotonic clock, ms. */
export function createMemory(now: () => number): Memory {
  let token: string | null = null;
  const memory = {
    changed: createListeners<void>(),
    events: createListeners<SessionEvent>(),
    snapshot: UNKNOWN,
    stamp: 0,
    since: 0,
    get sid() {
      return memory.snapshot.sessionId;
    },
    get left() {
      return (memory.snapshot.expiresAt ?? 0) - now();
    },
    get pass() {
      return token && memory.left > 0 ? { value: token, stamp: memory.stamp } : null;
    },
    take({ sid, generation, token: value, expiresAt, lifetime, account }: Grant) {
      if (sid !== memory.sid) memory.clear({ sessionId: sid });
      token = value;
      memory.stamp++;
      memory.learn({
        status: "active",
        generation,
        expiresAt,
        lifetime,
        account: account ?? memory.snapshot.account,
      });
    },
    learn(facts: Partial<Snapshot>) {
      const before = memory.snapshot.status;
      memory.snapshot = { ...memory.snapshot, ...facts };
      const { status, reason } = memory.snapshot;
      memory.changed.tell();
      if (status !== before) memory.events.tell({ type: "status", status, reason, at: now() });
    },
    clear(facts: Partial<Snapshot>) {
      token = null;
      memory.since = ++memory.stamp;
      memory.learn({ ...UNKNOWN, ...facts });
    },
  };
  return memory;
}
