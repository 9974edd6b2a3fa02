/** A session that a test controls: for components that only read its status. */

import { GatepassError } from "../errors.js";
import { createListeners } from "../session/listeners.js";
import type { SecondMethod } from "../session/second-step.js";
import {
  type Account,
  type EndReason,
  type Session,
  type SessionEvent,
  type Snapshot,
  UNKNOWN,
} from "../session/types.js";
import { accountOf } from "./messages.js";

/** A `Session` with methods for tests. It makes no requests, and its status does not change with time. */
export interface FakeSession extends Session {
  /** Changes the state; the rest of the snapshot is completed to match. */
  set(change: Partial<Snapshot>): void;
  /** Ends it, as the server would. */
  end(reason?: EndReason): void;
  /** Sets the status `degraded`: the server cannot be reached. */
  degrade(): void;
  /** Calls the listeners of `on`. */
  emit(event: SessionEvent): void;
  /** Makes the next `signIn`, `signUp`, `verify` or `depart` reject with this error. */
  refuse(error: GatepassError): void;
  /** The departures so far: of `signInWith`, the path of the provider and what was sent. */
  readonly departures: readonly { readonly path: string; readonly facts: object }[];
}

/** Creates a session that is signed in, or has the given `status`. */
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
  const departures: { path: string; facts: object }[] = [];
  const refuseOnce = () => {
    const error = refusal;
    refusal = null;
    if (error) throw error;
  };
  const begin = async ({ email }: { email: string }): Promise<Account> => {
    refuseOnce();
    serial++;
    const entered = accountOf(email);
    set({ status: "active", account: entered, reason: null });
    return entered;
  };

  return {
    origin: globalThis.location?.origin ?? "http://localhost",
    getSnapshot: () => snapshot,
    subscribe: (listener) => changes.add(listener),
    on: (type, listener) =>
      events.add((event) => void ((type === "*" || event.type === type) && listener(event as never))),
    start: async () => snapshot,
    signIn: begin,
    signUp: begin,
    verify: ({ token }) => begin({ email: token }),
    departures,
    async depart(path, facts) {
      refuseOnce();
      departures.push({ path, facts });
      // The browser has left this page, so nothing comes of it here.
      return new Promise(() => undefined);
    },
    async enter(path) {
      // What `stepUp` of `gatepass/factors` gets: the next step.
      if (path === "/step-up") throw needsSecondStep({ status: 200 });
      if (path === "/login/mail-code/request") {
        refuseOnce();
        throw new GatepassError("http", { status: 200, problem: { ticket: "gp_mc_x", expires_in: 600 } });
      }
      const entered = await begin({ email: snapshot.account?.email ?? "ann@example.com" });
      return { account: entered, recoveryCodes: ["code-1", "code-2"] };
    },
    signOut: async () => set({ status: "ended", reason: "signed-out" }),
    async token(stale) {
      const { status: now } = snapshot;
      if (now === "degraded" && stale !== undefined) throw new GatepassError("refresh-unavailable");
      if (now !== "active" && now !== "degraded") return null;
      if (stale === serial) serial++;
      return { value: `token-${serial}`, serial };
    },
    async post(path, facts) {
      if (path === "/factor-recovery/cancel") return { status: 204, problem: null, sentAt: 0 };
      // What else components have asked by it: that of `gatepass/links`.
      const links = ((facts as { paths?: string[] }).paths ?? []).map(
        (path) => `${path}${path.includes("?") ? "&" : "?"}gp_link=link-${serial}`,
      );
      return { status: 200, problem: { links, expires_in: 600 }, sentAt: 0 };
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

/**
 * The error of a sign-in whose account has a second factor, for `refuse`. `status` 200 is what stepping up gets.
 *
 *     fake.refuse(needsSecondStep());
 */
export function needsSecondStep({
  methods = ["totp", "recovery"],
  status = 401,
}: {
  readonly methods?: readonly SecondMethod[];
  readonly status?: number;
} = {}): GatepassError {
  const code = "second-factor-required";
  const problem = { type: `urn:gatepass:problem:${code}`, code, methods, ticket: "gp_st_test", expires_in: 300 };
  return new GatepassError("http", { status, problem });
}

/** Completes a snapshot so that its members are consistent. */
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
