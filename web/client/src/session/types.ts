/**
 * The types of a session's public API.
 *
 * Times are milliseconds of `performance.now()` unless stated otherwise; ids and codes are those of the server.
 */

import type { Problem } from "../errors.js";

/** The status of a session. `degraded`: not known to have ended, but the server cannot be reached now. */
export type Status = "unknown" | "anonymous" | "active" | "degraded" | "ended";

/**
 * Why a session ended: the reason given by the server; `signed-out` for a sign-out here or in another tab; `unproven` if
 * this browser has lost the key of the session, which then lives on at the server until the next sign-in; `cookie-lost` if
 * it has lost the cookie of the session while a page had it (cleared, blocked, or deleted by another page of the host).
 */
export type EndReason =
  | "expired"
  | "revoked"
  | "replaced"
  | "reused"
  | "unknown"
  | "signed-out"
  | "unproven"
  | "cookie-lost";

/** The signed-in account. `created_at` is in Unix seconds. */
export interface Account {
  readonly id: string;
  readonly email: string;
  readonly created_at: number;
  /** Whether its owner has proved that mail to the address arrives. */
  readonly email_verified: boolean;
}

/** The state of a session. Immutable: every change creates a new object. */
export interface Snapshot {
  readonly status: Status;
  /** Null while signed out, and after a reload until the server has been asked. */
  readonly account: Account | null;
  readonly sessionId: string | null;
  /** Generation of the refresh token in the cookie, as far as this tab knows. */
  readonly generation: number | null;
  /** When the access token in memory expires, in ms of `performance.now()`, which stands still while the computer sleeps. */
  readonly expiresAt: number | null;
  /** The whole lifetime of that access token, ms. */
  readonly lifetime: number | null;
  /** Why the last session ended, while `status` is `ended`. */
  readonly reason: EndReason | null;
}

/** Options of a session. In these as in all options, `""` counts as not given. */
export interface SessionOptions {
  /** The address of the auth endpoints, such as "https://api.example.com/auth". Default "/auth". */
  readonly baseURL?: string | undefined;
  /** Called once per tab when a session ends. Never called if there was none. */
  readonly onEnded?: ((end: { reason: EndReason; sessionId: string }) => void) | undefined;
  /** Used instead of `globalThis.fetch`, which is looked up at every call. */
  readonly fetch?: typeof fetch | undefined;
  /**
   * A request starts a refresh, without waiting for it, if the access token expires within this time, ms. Default
   * 60 000; at most a third of its lifetime.
   */
  readonly margin?: number | undefined;
  /** The timeout of one call of an auth endpoint, ms. Default 10 000. */
  readonly timeout?: number | undefined;
  /** The name of the state cookie, if a development proxy hides the server's port. Default: by the protocol. */
  readonly stateCookie?: string | undefined;
}

/** Input of a sign-in form. `remember` (default true) keeps the session when the browser is closed. */
export interface Credentials {
  readonly email: string;
  readonly password: string;
  readonly remember?: boolean | undefined;
  /** Members that rules of the application require beside these (`gate.before("register", extra=…)`). */
  readonly extra?: object | undefined;
}

/** The token in the fragment of a mailed link, and the password that was chosen at sign-up. */
export interface Verification {
  readonly token: string;
  readonly password: string;
  readonly remember?: boolean | undefined;
}

/** An access token. `serial` counts the tokens of this tab: a later one has a higher number. */
export interface AccessToken {
  readonly value: string;
  readonly serial: number;
}

/** What started a refresh. `ahead`: the token expires soon. `wake`: the network, the tab or the page came back. */
export type Trigger = "start" | "expired" | "ahead" | "401" | "manual" | "wake";

/** A refresh started or ended. `shared`: the access token came from another tab. */
export interface RefreshEvent {
  readonly type: "refresh";
  readonly phase: "start" | "end";
  readonly outcome?: "ok" | "ended" | "transient" | undefined;
  readonly trigger: Trigger;
  readonly shared?: boolean | undefined;
  readonly generation: number | null;
  /** Number of calls of the refresh endpoint so far. */
  readonly attempts: number;
  /** Time since its start. */
  readonly ms: number;
  readonly at: number;
}

/** The phase of a request. `waiting`: refused, and waiting for a refresh; `replay`: sent once more. */
export type RequestPhase = "start" | "sent" | "waiting" | "replay" | "end";

/** A request of `gatepass/fetch` or `gatepass/axios`. `url` is the path only, without host and query. */
export interface RequestEvent {
  readonly type: "request";
  readonly id: number;
  readonly phase: RequestPhase;
  readonly method: string;
  readonly url: string;
  /** At `end`: the status of the response; absent if there was none. */
  readonly status?: number | undefined;
  /** Time since its start. */
  readonly ms: number;
  readonly at: number;
}

/** Reports the phases of one request; `status` is for `end`. */
export interface Trace {
  (phase: RequestPhase, status?: number): void;
  /** The id in its events. */
  readonly id: number;
}

/** The status of the session has changed. */
export interface StatusEvent {
  readonly type: "status";
  readonly status: Status;
  readonly reason: EndReason | null;
  readonly at: number;
}

/** Something is set up wrongly; the console says the same, once in the life of the page. */
export interface WarningEvent {
  readonly type: "warning";
  readonly code:
    | "state-cookie"
    | "cookies-blocked"
    | "network"
    | "cross-site"
    | "worker"
    | "copied-session"
    | "other-origin";
  /** One sentence with the mend. */
  readonly message: string;
  readonly at: number;
}

/** Facts for logs and displays. They never contain a token, a key or a query string. */
export type SessionEvent = RefreshEvent | RequestEvent | StatusEvent | WarningEvent;

/** The event of one type, or of any (`*`). */
export type EventOf<Type extends SessionEvent["type"] | "*"> = Type extends "*"
  ? SessionEvent
  : Extract<SessionEvent, { type: Type }>;

/** A response with its body. `problem` is its JSON object, of a success too; `sentAt` is by the clock of the session, ms. */
export interface EndpointAnswer {
  readonly status: number;
  readonly problem: Problem | null;
  readonly retryAfterMs?: number | undefined;
  readonly sentAt: number;
}

/** The session of one tab. Listeners run in microtasks; an error thrown by one is reported and has no other effect. */
export interface Session {
  /** The origin of its auth endpoints, to which `createFetch` sends the token. */
  readonly origin: string;
  /** The current state; the same object until it changes. */
  getSnapshot(): Snapshot;
  /** Calls `listener` after every change. Returns a function that stops it. */
  subscribe(listener: () => void): () => void;
  /** Calls `listener` for events of one type, or of all (`*`). Returns a function that stops it. */
  on<Type extends SessionEvent["type"] | "*">(type: Type, listener: (event: EventOf<Type>) => void): () => void;
  /** Resumes the session from the cookie. Idempotent; the first `token()` does the same. Never rejects. */
  start(): Promise<Snapshot>;
  /**
   * Signs in. Rejects with a GatepassError: `http` with the problem, `network`, `timeout`, or `cookies-blocked` if the
   * browser has not kept the session's cookie.
   */
  signIn(credentials: Credentials): Promise<Account>;
  /** Creates an account and signs it in. Returns null if the server requires the address to be verified first. */
  signUp(credentials: Credentials): Promise<Account | null>;
  /** Verifies the address of a new account by a mailed link, and signs it in. `invalid-link`: used, or too old. */
  verify(verification: Verification): Promise<Account>;
  /**
   * Signs out here and in the other tabs at once, and at the server now or, if it cannot be reached, at a later start.
   * With `everywhere` on all devices; rejects if that failed.
   */
  signOut(options?: { everywhere?: boolean | undefined }): Promise<void>;
  /**
   * Returns the access token, refreshed first if it has expired; null if there is no session.
   *
   * `stale` is the serial of a token that got a 401: returns a later token, or null if a refresh would not help.
   * `signal` ends the wait of this caller only; one that has fired starts no refresh. `atAnyAge`: the 401 said
   * `claims-changed`, so a refresh helps however young the token is. Rejects with `session-ended`, `refresh-unavailable` or `aborted`.
   */
  token(stale?: number, signal?: AbortSignal | null, atAnyAge?: boolean): Promise<AccessToken | null>;
  /**
   * Refreshes now, or joins a refresh in progress. Never rejects; returns the state afterwards. A page on another host than
   * the API, which knows of no session, asks the server whether there is one.
   */
  refresh(): Promise<Snapshot>;
  /**
   * For `gatepass/links`: posts `facts` to an endpoint, with `token` where it requires one. Resolves to its answer of any
   * status. Rejects with `network` or `timeout`.
   */
  post(path: string, facts: object, token?: string): Promise<EndpointAnswer>;
  /**
   * For `gatepass/account`: posts `facts` to an endpoint whose response begins a session in place of the present one, with
   * `token` where it requires one. Returns null if the server requires verification first (202). Rejects as `signIn`.
   */
  enter(path: string, facts: object, token?: string): Promise<Entered | null>;
  /**
   * For `gatepass/providers`: posts `facts` with a new binding key to an endpoint that sends the browser elsewhere to sign
   * in. Returns where. Rejects as `signIn`.
   */
  depart(path: string, facts: object): Promise<string>;
  /** For bindings: reports a request. Call the returned function at each phase. */
  trace(method: string, url: string | URL): Trace;
  /** Stops listening to other tabs and to the browser (tests, hot reload). */
  close(): void;
}

/** What a sign-in begins: the account, and where it has enrolled a second factor the recovery codes to be shown once. */
export interface Entered {
  readonly account: Account;
  readonly recoveryCodes: readonly string[] | undefined;
}

/** The state before `start()`, and on a server. */
export const UNKNOWN: Snapshot = Object.freeze({
  status: "unknown",
  account: null,
  sessionId: null,
  generation: null,
  expiresAt: null,
  lifetime: null,
  reason: null,
});
