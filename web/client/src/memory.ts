/**
 * What one tab knows of its session: the snapshot that applications see, and the access token that they do not.
 *
 * Every access token gets a stamp, higher than all before. A request remembers the stamp it was sent with, so a 401
 * that comes late is answered with the newer token and no second refresh. `since` is the first stamp of the present
 * sign-in: what was sent before it belonged to somebody else, perhaps, and is never sent again.
 */

import { Listeners } from "./events.js";
import type { Scope } from "./scope.js";
import type { State } from "./state.js";
import { type Account, type EndReason, type Pass, type SessionEvent, type Snapshot, type Status, UNKNOWN } from "./types.js";
import type { Grant } from "./wire.js";

export class Memory {
  readonly changed = new Listeners<void>();
  readonly events = new Listeners<SessionEvent>();
  readonly #scope: Scope;
  readonly #arrived = new Listeners<void>();
  #snapshot = UNKNOWN;
  #token: string | null = null;
  #stamp = 0;
  #since = 0;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get sid(): string | null {
    return this.#snapshot.sessionId;
  }

  /** The state as this tab last heard of it. */
  get state(): State | null {
    const { sessionId: sid, generation } = this.#snapshot;
    return sid && generation !== null ? { sid, generation } : null;
  }

  get stamp(): number {
    return this.#stamp;
  }

  get since(): number {
    return this.#since;
  }

  now(): number {
    return this.#scope.performance.now();
  }

  /** The access token, while there is one with time left. */
  get pass(): Pass | null {
    return this.#token && this.left > 0 ? { value: this.#token, stamp: this.#stamp } : null;
  }

  /** Time left of the access token, ms; not positive if there is none. */
  get left(): number {
    return (this.#snapshot.expiresAt ?? 0) - this.now();
  }

  /** Time since the access token was issued, ms. */
  get age(): number {
    return (this.#snapshot.lifetime ?? 0) - this.left;
  }

  /** Hold a new access token. That of another sign-in replaces all that was known. */
  take({ sid, generation, token, expiresAt, lifetime, account }: Grant): void {
    if (sid !== this.sid) this.believe({ sid, generation });
    this.#token = token;
    this.#stamp++;
    this.#set({ status: "active", generation, expiresAt, lifetime, account: account ?? this.#snapshot.account });
    this.#arrived.tell();
  }

  /** The jar bears this sign-in; nothing else is known of it yet. */
  believe({ sid, generation }: State): void {
    this.#clear({ sessionId: sid, generation, status: "unknown" });
  }

  /** No session any more. */
  drop(status: "anonymous" | "ended", reason: EndReason | null = null): void {
    this.#clear({ status, reason });
  }

  /** The same session, but something was learnt. */
  note(facts: { status?: Status; account?: Account; generation?: number }): void {
    this.#set(facts);
  }

  /** Whether an access token comes (from a sibling) within `ms`. */
  arrival(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const stop = this.#arrived.add(() => settle(true));
      const timer = setTimeout(() => settle(false), ms);
      function settle(has: boolean): void {
        stop();
        clearTimeout(timer);
        resolve(has);
      }
    });
  }

  #clear(facts: Partial<Snapshot>): void {
    this.#token = null;
    this.#since = ++this.#stamp;
    this.#set({ ...UNKNOWN, ...facts });
  }

  #set(facts: Partial<Snapshot>): void {
    const { status, reason } = this.#snapshot;
    this.#snapshot = { ...this.#snapshot, ...facts };
    this.changed.tell();
    const now = this.#snapshot;
    if (now.status !== status || now.reason !== reason) {
      this.events.tell({ type: "status", status: now.status, reason: now.reason, at: this.now() });
    }
  }
}
