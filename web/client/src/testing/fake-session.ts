/** A session that does what a test says: for components that only look at its status. */

import { GatepassError } from "../errors.js";
import { createListeners } from "../session/listeners.js";
import {
  type Account,
  type EndReason,
  type Session,
  type SessionEvent,
  type Snapshot,
  UNKNOWN,
} from "../session/types.js";
import { accountOf } from "./messages.js";

/** A `Session` and the verbs of a test. It talks to nobody, and time does nothing to it. */
export interface FakeSession extends Session {
  /** Be in this state from now on; the rest of the snapshot is made to fit. */
  set(change: Partial<Snapshot>): void;
  /** Over, as if the server had said so. */
  end(reason?: EndReason): void;
  /** Alive, but the server cannot be asked. */
  degrade(): void;
  /** Tell listeners of `on`. */
  emit(event: SessionEvent): void;
  /** Let the next `signIn` or `signUp` fail with this. */
  refuse(error: GatepassError): void;
}

/** Begins as somebody signed in; with `status` otherwise. */
export function fakeSession({
  status = "active",
  account,
}: Partial<Pick<Snapshot, "status" | "account">> = {}): FakeSession {
  const changes = createListeners<void>();
  const events = createListeners<SessionEvent>();
  let snapshot = fit({ ...UNKNOWN, status, account: account ?? null });
  let refusal: GatepassError | null = null;
  let serial = 1;
  let requests = 0;

  const set = (change: Partial<Snapshot>) => {
    snapshot = fit({ ...snapshot, ...change });
    changes.emit();
    events.emit({ type: "status", status: snapshot.status, reason: snapshot.reason, at: 0 });
  };
  const enter = async ({ email }: { email: string }): Promise<Account> => {
    const error = refusal;
    refusal = null;
    if (error) throw error;
    serial++;
    const entered = accountOf(email);
    set({ status: "active", account: entered, reason: null });
    return entered;
  };

  return {
    getSnapshot: () => snapshot,
    subscribe: (listener) => changes.add(listener),
    on: (type, listener) =>
      events.add((event) => void ((type === "*" || event.type === type) && listener(event as never))),
    start: async () => snapshot,
    signIn: enter,
    signUp: enter,
    verify: ({ token }) => enter({ email: token }),
    signOut: async () => set({ status: "ended", reason: "signed-out" }),
    async token(stale) {
      const { status: now } = snapshot;
      if (now === "degraded" && stale !== undefined) throw new GatepassError("refresh-unavailable");
      if (now !== "active" && now !== "degraded") return null;
      if (stale === serial) serial++;
      return { value: `token-${serial}`, serial };
    },
    refresh: async () => snapshot,
    trace(method, url) {
      const id = ++requests;
      const { pathname } = new URL(url, "http://localhost");
      const tell = (phase: "start" | "sent" | "waiting" | "replay" | "end", answered?: number) =>
        events.emit({ type: "request", id, phase, method, url: pathname, status: answered, ms: 0, at: 0 });
      tell("start");
      return Object.assign(tell, { id });
    },
    close: () => undefined,
    set,
    end: (reason = "revoked") => set({ status: "ended", reason }),
    degrade: () => set({ status: "degraded" }),
    emit: (event) => events.emit(event),
    refuse: (error) => {
      refusal = error;
    },
  };
}

/** A snapshot whose parts belong together. */
function fit(snapshot: Snapshot): Snapshot {
  const isIn = snapshot.status === "active" || snapshot.status === "degraded";
  if (!isIn)
    return {
      ...UNKNOWN,
      status: snapshot.status,
      reason: snapshot.status === "ended" ? (snapshot.reason ?? "revoked") : null,
    };
  const account = snapshot.account ?? accountOf("ann@example.com");
  return {
    ...snapshot,
    account,
    sessionId: snapshot.sessionId ?? "1".padStart(32, "0"),
    generation: snapshot.generation ?? 0,
    reason: null,
  };
}
