/**
 * The state of a session in one tab: the snapshot, which applications see, and the access token, which they do not.
 *
 * Every access token gets a serial number, higher than all before. A request remembers the serial of the token that it
 * was sent with, so a late 401 is answered with the newer token and needs no second refresh. `firstSerial` is where the
 * current sign-in began: requests sent with an earlier token may belong to another account and are never sent again.
 */

import type { Clock } from "./clock.js";
import type { Grant } from "./endpoints.js";
import { createListeners, type Listeners } from "./listeners.js";
import { type AccessToken, type SessionEvent, type Snapshot, UNKNOWN } from "./types.js";

/** Read by all parts of a session; changed only by `accept`, `update` and `reset`. */
export interface TokenState {
  readonly changed: Listeners<void>;
  readonly events: Listeners<SessionEvent>;
  readonly snapshot: Snapshot;
  readonly sid: string | null;
  readonly serial: number;
  readonly firstSerial: number;
  /** The access token; null if it has expired. */
  readonly current: AccessToken | null;
  /** The time until it expires, ms; not positive if there is no token. */
  readonly left: number;
  /**
   * Stores a new access token. If it is of another session, everything else is reset. A page that is being loaded stays
   * `unknown` until its account is known too: so it shows both at once.
   */
  accept(grant: Grant): void;
  /** Changes facts of the same session. */
  update(facts: Partial<Snapshot>): void;
  /** Begins another session, or none, of which only `facts` are known. */
  reset(facts: Partial<Snapshot>): void;
}

/** `clock` is that of the session. */
export function createTokenState(clock: Clock): TokenState {
  let token: string | null = null;
  /** When it expires, by `clock`. */
  let end = 0;
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
      return end - clock.now();
    },
    get current() {
      return token && memory.left > 0 ? { value: token, serial: memory.serial } : null;
    },
    accept({ sid, generation, token: value, expiresAt, lifetime, account }: Grant) {
      const isOther = sid !== memory.sid;
      const before = isOther ? UNKNOWN : memory.snapshot;
      const owner = account ?? before.account;
      if (isOther) memory.firstSerial = memory.serial + 1;
      token = value;
      end = expiresAt;
      memory.serial++;
      memory.update({
        ...before,
        status: owner || before.status !== "unknown" ? "active" : "unknown",
        sessionId: sid,
        generation,
        expiresAt: expiresAt - clock.slept,
        lifetime,
        account: owner,
      });
    },
    update(facts: Partial<Snapshot>) {
      const before = memory.snapshot.status;
      memory.snapshot = { ...memory.snapshot, ...facts };
      const { status, reason } = memory.snapshot;
      memory.changed.emit();
      // `unknown` is told by the snapshot alone: it is no news.
      if (status !== before && status !== "unknown")
        memory.events.emit({ type: "status", status, reason, at: clock.now() - clock.slept });
    },
    reset(facts: Partial<Snapshot>) {
      token = null;
      end = 0;
      memory.firstSerial = ++memory.serial;
      memory.update({ ...UNKNOWN, ...facts });
    },
  };
  return memory;
}
