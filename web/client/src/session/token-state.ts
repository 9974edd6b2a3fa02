/**
 * What one tab knows of its session: the snapshot that applications see, and the access token that they do not.
 *
 * Every access token gets a serial number, higher than all before. A request remembers the serial of the token that it
 * was sent with, so a late 401 is answered with the newer token and needs no second refresh. `firstSerial` is where the
 * current sign-in began: requests sent with an earlier token may belong to another account and are never sent again.
 */

import type { Grant } from "./endpoints.js";
import { createListeners, type Listeners } from "./listeners.js";
import { type AccessToken, type SessionEvent, type Snapshot, UNKNOWN } from "./types.js";

/** Read by all parts of a session; changed by `take`, `learn` and `clear` alone. */
export interface Memory {
  readonly changed: Listeners<void>;
  readonly events: Listeners<SessionEvent>;
  readonly snapshot: Snapshot;
  readonly sid: string | null;
  readonly serial: number;
  readonly firstSerial: number;
  /** The access token, while it has time left. */
  readonly current: AccessToken | null;
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
    serial: 0,
    firstSerial: 0,
    get sid() {
      return memory.snapshot.sessionId;
    },
    get left() {
      return (memory.snapshot.expiresAt ?? 0) - now();
    },
    get current() {
      return token && memory.left > 0 ? { value: token, serial: memory.serial } : null;
    },
    take({ sid, generation, token: value, expiresAt, lifetime, account }: Grant) {
      if (sid !== memory.sid) memory.clear({ sessionId: sid });
      token = value;
      memory.serial++;
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
      memory.firstSerial = ++memory.serial;
      memory.learn({ ...UNKNOWN, ...facts });
    },
  };
  return memory;
}
