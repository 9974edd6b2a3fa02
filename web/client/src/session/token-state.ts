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

/** Read by all parts of a session; changed by `accept`, `update` and `reset` alone. */
export interface TokenState {
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
  accept(grant: Grant): void;
  /** The same session, but something was learnt. */
  update(facts: Partial<Snapshot>): void;
  /** Another session, or none: nothing but `facts` is known. */
  reset(facts: Partial<Snapshot>): void;
}

/** `now` is the monotonic clock, ms. */
export function createTokenState(now: () => number): TokenState {
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
    accept({ sid, generation, token: value, expiresAt, lifetime, account }: Grant) {
      if (sid !== memory.sid) memory.reset({ sessionId: sid });
      token = value;
      memory.serial++;
      memory.update({
        status: "active",
        generation,
        expiresAt,
        lifetime,
        account: account ?? memory.snapshot.account,
      });
    },
    update(facts: Partial<Snapshot>) {
      const before = memory.snapshot.status;
      memory.snapshot = { ...memory.snapshot, ...facts };
      const { status, reason } = memory.snapshot;
      memory.changed.emit();
      if (status !== before) memory.events.emit({ type: "status", status, reason, at: now() });
    },
    reset(facts: Partial<Snapshot>) {
      token = null;
      memory.firstSerial = ++memory.serial;
      memory.update({ ...UNKNOWN, ...facts });
    },
  };
  return memory;
}
