/**
 * The words of the public API: what an application passes in and gets back.
 *
 * Times are milliseconds of `performance.now()` unless a name says otherwise; ids and codes are those of the wire.
 */

/** Where a session stands. `degraded`: it lives as far as anybody knows, but the server cannot be asked now. */
export type Status = "unknown" | "anonymous" | "active" | "degraded" | "ended";

/** Why a session is over: the server's word for it, or `signed-out` when the user did it here or in another tab. */
export type EndReason = "expired" | "revoked" | "replaced" | "reused" | "unknown" | "signed-out";

/** The account as its owner sees it; `created_at` is whole Unix seconds. */
export interface Account {
  readonly id: string;
  readonly email: string;
  readonly created_at: number;
}

/** One moment of a session. Frozen in meaning: a change makes a new object. */
export interface Snapshot {
  readonly status: Status;
  /** Null while signed out, and for a moment after a reload until the server has been asked. */
  readonly account: Account | null;
  readonly sessionId: string | null;
  /** Generation of the refresh token that lies in the cookie, as far as this tab knows. */
  readonly generation: number | null;
  /** When the access token in memory runs out, in ms of `performance.now()`. */
  readonly expiresAt: number | null;
  /** How long that access token lives in all, ms. */
  readonly lifetime: number | null;
  /** Why the last session ended, while `status` is `ended`. */
  readonly reason: EndReason | null;
}

/** How a session is set up. */
export interface SessionOptions {
  /** Where the auth endpoints are mounted: "/auth" or "https://api.example.com/auth". */
  readonly baseURL: string;
  /** Called once in every tab for each session that ended, never for anonymous visitors. */
  readonly onEnded?: (end: { reason: EndReason; sessionId: string }) => void;
  /** Instead of `globalThis.fetch`, which is looked up at every call. */
  readonly fetch?: typeof fetch;
  /** With less than this left of the access token (ms) a request starts a refresh beside itself. Default 60 000, at most a third of its life. */
  readonly margin?: number;
  /** For one call of an auth endpoint, ms. Default 10 000. */
  readonly timeout?: number;
  /** Name of the readable state cookie, where a development proxy hides the server's port. Default: by the protocol. */
  readonly stateCookie?: string;
}

/** What a person types. `remember` (default true) keeps the session when the browser is closed. */
export interface Credentials {
  readonly email: string;
  readonly password: string;
  readonly remember?: boolean;
}

/** What a mailed link brings (the token in its fragment), with the password that was chosen at sign-up. */
export interface Verification {
  readonly token: string;
  readonly password: string;
  readonly remember?: boolean;
}

/** An access token. `serial` numbers the tokens that this tab has held: a later one has a higher number. */
export interface AccessToken {
  readonly value: string;
  readonly serial: number;
}

/** What made a refresh start. `wake`: the network, the tab or the page came back. */
export type Trigger = "start" | "expired" | "ahead" | "401" | "manual" | "wake";

/** A refresh began or came to something. `shared`: the access token came from a sibling tab. */
export interface RefreshEvent {
  readonly type: "refresh";
  readonly phase: "start" | "end";
  readonly outcome?: "ok" | "ended" | "transient";
  readonly trigger: Trigger;
  readonly shared?: boolean;
  readonly generation: number | null;
  /** Calls of the refresh endpoint so far. */
  readonly attempts: number;
  /** Since its start. */
  readonly ms: number;
  readonly at: number;
}

/** How far a request has come. `waiting`: it was refused and waits for a refresh; `replay`: sent once more. */
export type RequestPhase = "start" | "sent" | "waiting" | "replay" | "end";

/** A request through `gatepass/fetch` or `gatepass/axios`. `url` is the path alone: no host, no query. */
export interface RequestEvent {
  readonly type: "request";
  readonly id: number;
  readonly phase: RequestPhase;
  readonly method: string;
  readonly url: string;
  /** At `end`: the status of the answer; absent where there was none. */
  readonly status?: number | undefined;
  /** Since its start. */
  readonly ms: number;
  readonly at: number;
}

/** Reports each further phase of one request; `status` goes with `end`. */
export interface Trace {
  (phase: RequestPhase, status?: number): void;
  /** That of its events. */
  readonly id: number;
}

/** The session changed its status. */
export interface StatusEvent {
  readonly type: "status";
  readonly status: Status;
  readonly reason: EndReason | null;
  readonly at: number;
}

/** Facts for logs and displays: never a token, a key or a query string. */
export type SessionEvent = RefreshEvent | RequestEvent | StatusEvent;

/** The events of one type, or of all. */
export type EventOf<Type extends SessionEvent["type"] | "*"> = Type extends "*"
  ? SessionEvent
  : Extract<SessionEvent, { type: Type }>;

/** One sign-in as one tab sees it. Listeners run in microtasks: what they throw is reported, and harms nothing here. */
export interface Session {
  /** The present moment; the same object until something changes. */
  getSnapshot(): Snapshot;
  /** Be called after every change. Returns what ends it. */
  subscribe(listener: () => void): () => void;
  /** Hear of facts of one type, or of all (`*`). Returns what ends it. */
  on<Type extends SessionEvent["type"] | "*">(type: Type, listener: (event: EventOf<Type>) => void): () => void;
  /** Resume from the cookie. Idempotent; the first `token()` does it too. Never rejects. */
  start(): Promise<Snapshot>;
  /** Sign in. Rejects with a GatepassError (`http` with the problem, `network`, `timeout`). */
  signIn(credentials: Credentials): Promise<Account>;
  /** Make an account and sign it in; null where the server first wants the address verified. */
  signUp(credentials: Credentials): Promise<Account | null>;
  /** Make the account whose address a mailed link verifies, and sign it in. `invalid-link`: it is used or too old. */
  verify(verification: Verification): Promise<Account>;
  /**
   * Sign out: here and in the other tabs at once, at the server now or, when it cannot be reached, at a later start.
   * With `everywhere` on all devices; rejects if just that could not be done.
   */
  signOut(options?: { everywhere?: boolean }): Promise<void>;
  /**
   * The access token to send, refreshed first if it has run out; null for anonymous visitors.
   *
   * `stale` is the serial of the token that got a 401: returns a later token, or null if a refresh would not help.
   * `signal` detaches this caller alone. Rejects with `session-ended`, `refresh-unavailable` or `aborted`.
   */
  token(stale?: number, signal?: AbortSignal | null): Promise<AccessToken | null>;
  /** One refresh now, or join the one under way. Never rejects: the snapshot says what came of it. */
  refresh(): Promise<Snapshot>;
  /** For bindings: report a request. The returned function reports each of its phases. */
  trace(method: string, url: string | URL): Trace;
  /** Stop listening to other tabs and to the browser (tests, hot reload). */
  close(): void;
}

/** Before anything was asked, and on a server. */
export const UNKNOWN: Snapshot = Object.freeze({
  status: "unknown",
  account: null,
  sessionId: null,
  generation: null,
  expiresAt: null,
  lifetime: null,
  reason: null,
});
