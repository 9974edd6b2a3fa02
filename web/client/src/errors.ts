/**
 * The one error class of this package. Switch on `kind`; TypeScript narrows by it.
 *
 *     http                 a response that is not a success: `status`, `problem`, `retryAfterMs`
 *     network, timeout     no response; the server may or may not have acted
 *     aborted              the caller's signal fired
 *     session-ended        the session that the request belonged to is over
 *     refresh-unavailable  the access token has expired and cannot be refreshed now; the session is kept
 *     cookies-blocked      signed in, and the browser keeps no cookie of the server: it is signed out again at once
 *     not-replayable       refused with 401 after its body, a stream, was consumed: the caller must send it again
 *
 * With Axios, the first three rows are Axios' own errors; `failureOf` reads both alike. `onErrors` reports all failed
 * requests to one place:
 *
 *     onErrors(api, { 404: …, "5xx": …, network: …, default: ({ kind }) => toast(texts[kind]) });
 */

import type { ProblemCode } from "./problem-codes.js";

export type { ProblemCode } from "./problem-codes.js";

export type ErrorKind = GatepassError["kind"];

/** A problem document (RFC 9457), or any other JSON object in the body of an error response. */
export interface Problem {
  readonly type?: string;
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly [fact: string]: unknown;
}

/** The facts of an error beside its kind. */
export interface ErrorFacts {
  readonly status?: number | undefined;
  readonly problem?: Problem | null | undefined;
  /** How long the server asks to wait, ms. */
  readonly retryAfterMs?: number | undefined;
  readonly method?: string | undefined;
  /** Without its query, which may contain secrets. */
  readonly url?: string | undefined;
  readonly cause?: unknown;
}

/** The members that every kind has. */
interface Failed<Kind extends string, Status> extends Error, Omit<ErrorFacts, "status" | "cause"> {
  readonly isGatepassError: true;
  readonly kind: Kind;
  readonly status: Status;
  /** How often the request was sent; set by a retry layer. */
  attempts?: number;
  /** For logs: no text written by a user or an application, and no cause. */
  toJSON(): Record<string, unknown>;
}

/** A response that is not a success. `problem` is null if its body is not a JSON object. */
export interface HttpError extends Failed<"http", number> {
  readonly problem: Problem | null;
}

/** One type per kind. An error holds no token, no header and no request body. */
export type GatepassError =
  | HttpError
  | Failed<"network", undefined>
  | Failed<"timeout", undefined>
  | Failed<"aborted", undefined>
  | Failed<"session-ended", undefined>
  | Failed<"refresh-unavailable", undefined>
  | Failed<"cookies-blocked", undefined>
  | Failed<"not-replayable", 401>;

class Thrown extends Error {
  readonly isGatepassError = true;

  constructor(kind: ErrorKind, { cause, ...facts }: ErrorFacts = {}) {
    super(facts.problem?.detail ?? facts.problem?.code ?? kind, { cause });
    Object.assign(this, { name: "GatepassError", kind, ...facts });
  }

  toJSON() {
    const { name, kind, method, url, status, problem, attempts, retryAfterMs } = this as unknown as GatepassError;
    return { name, kind, method, url, status, code: problem?.code, attempts, retryAfterMs };
  }
}

/** Constructed by this package only; exported for `instanceof`. */
export const GatepassError = Thrown as unknown as new (kind: ErrorKind, facts?: ErrorFacts) => GatepassError;

/** Whether it is a GatepassError. Checks a property, so it also holds when a page has two copies of this package. */
export function isGatepassError(error: unknown): error is GatepassError {
  return (error as GatepassError | null)?.isGatepassError === true;
}

/**
 * How engines word a fault of a program, and a request that cannot be sent at all. A network fails in other words, in
 * Safari in those of the person's language: so these are named, and everything else is the network.
 */
const FAULTS =
  /\bis (not (an?|iterable|defined)|undefined|null|an invalid)\b|(annot|can't) (read|set|have|convert|destructure|access)|Failed to (execute|parse)|c[iy](rcular|clic)/;

/** Whether code of the application has thrown, such as its own `fetch`. `isFault` marks what `gatepass/testing` has seen. */
function isFault(cause: unknown): cause is Error {
  const { name, message, isFault } = Object(cause) as { name: string; message: string; isFault?: boolean };
  return (
    isFault || /^(Refer|Ran|Syn|Eval|URI|Asser).*Error$/.test(name) || (name === "TypeError" && FAULTS.test(message))
  );
}

/**
 * The error for no response: `timeout` if AbortSignal.timeout() fired, `aborted` if another signal, else `network`. A fault
 * in code of the application is itself: a bug must not be told, and sent again, as a network that fails.
 */
export function transportError(signal: AbortSignal | null | undefined, cause?: unknown): Error {
  if (!signal?.aborted && isFault(cause)) return cause;
  const kind = !signal?.aborted ? "network" : signal.reason?.name === "TimeoutError" ? "timeout" : "aborted";
  return new GatepassError(kind, { cause });
}

/** ms */
const MAX_RETRY_AFTER = 3_600_000;

/**
 * A Retry-After header in either form (RFC 9110 §10.2.3) as ms from now, at most one hour; undefined if unreadable.
 *
 * A date is counted from `date`, the Date header of the same response, since this device's clock may be wrong by a day.
 */
export function readRetryAfter(text: string | null | undefined, date?: string | null): number | undefined {
  // Short for bytes. Digits: `exec` returns an array of one text, which `+` converts. No digits: it returns null, +null
  // is 0, and `||` continues with the date. No date either: Date.parse returns NaN, and NaN > 0 is false.
  const ms = +/^\d+$/.exec(text ?? "")! * 1_000 || Date.parse(text ?? "") - (Date.parse(date ?? "") || Date.now());
  return ms > 0 ? Math.min(ms, MAX_RETRY_AFTER) : undefined;
}

/** A failure as layers and handlers see it. `unknown`: not of a request, but thrown by code (an interceptor). */
export interface Failure {
  readonly kind: ErrorKind | "unknown";
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  /** `code` of the problem document. */
  readonly code: string | undefined;
  /** The same where the refusal is one of Gatepass, for a `switch` that forgets none. */
  readonly problemCode: ProblemCode | undefined;
  /** `detail` of the problem document: a sentence in English, or one that the application wrote. */
  readonly detail: string | undefined;
}

/** The members of an AxiosError that are read here. */
interface AxiosFailure {
  readonly code?: string;
  readonly message?: string;
  readonly request?: unknown;
  readonly response?: { readonly status: number; readonly data?: unknown; readonly headers?: Record<string, unknown> };
}

/** The codes of Axios that name a kind. */
const AXIOS_KINDS: Readonly<Record<string, Failure["kind"]>> = {
  ERR_CANCELED: "aborted",
  ECONNABORTED: "timeout",
  ETIMEDOUT: "timeout",
  ERR_NETWORK: "network",
};

/** The facts of a GatepassError or an AxiosError; for anything else `kind` is `unknown`. */
export function failureOf(error: unknown): Failure {
  if (isGatepassError(error)) return failure(error.kind, error, error.problem);
  const { code = "", message, request, response } = (error ?? {}) as AxiosFailure;
  if (response) {
    const { "retry-after": after, date } = (response.headers ?? {}) as Record<string, string | undefined>;
    const retryAfterMs = readRetryAfter(after, date);
    return failure("http", { status: response.status, retryAfterMs }, problemOf(response.data));
  }
  // Axios uses the code of a timeout here too, but the page is being unloaded.
  if (code === "ECONNABORTED" && message === "Request aborted") return failure("aborted");
  const isAxios = (error as { isAxiosError?: boolean } | null)?.isAxiosError;
  // In Node the code is the operating system's (ECONNRESET …): sent and without a response is a network error.
  // Without any code, Axios has wrapped what code of the application has thrown (a `fetch` in its `env`).
  return failure(AXIOS_KINDS[code] ?? (isAxios && request && /^(?!ERR_)./.test(code) ? "network" : "unknown"));
}

function failure(
  kind: Failure["kind"],
  { status, retryAfterMs }: Pick<GatepassError, "status" | "retryAfterMs"> | Partial<Failure> = {},
  problem?: Problem | null,
): Failure {
  const { code, detail, type = "" } = problem ?? {};
  const isOurs = type === `urn:gatepass:problem:${code}` && !code!.startsWith("app:");
  return { kind, status, retryAfterMs, code, problemCode: isOurs ? (code as ProblemCode) : undefined, detail };
}

/** The problem in a body that Axios may have parsed or not (`responseType`). */
function problemOf(data: unknown): Problem | null {
  if (typeof data !== "string") return data as Problem | null;
  try {
    return JSON.parse(data) as Problem | null;
  } catch {
    return null;
  }
}

/** Gets the facts of a failure, and the error itself: an AxiosError if the request went through Axios. */
export type OnFailure = (failure: Failure, error: unknown) => void;

/** Keys: a status (404), a class of statuses ("5xx"), a kind ("network"), or `default` for all others. */
export type Handlers = {
  readonly [Key in number | "4xx" | "5xx" | ErrorKind | "unknown" | "default"]?: OnFailure | undefined;
};

/** A client of `gatepass/fetch`, or an Axios instance. */
interface ErrorSource {
  readonly interceptors: {
    readonly response: {
      use(onResponse: null, onError: (error: unknown) => never): number | { eject(): void };
      eject?(id: number): void;
    };
  };
}

/**
 * Calls a handler once for each failed request, after the last retry; never for one that was aborted. The caller still
 * gets the error.
 *
 * Add it first, so that interceptors added later can recover from errors before (with Axios: add it last). An error
 * thrown by a handler is reported by the browser and has no other effect. Returns a function that stops it.
 */
export function onErrors({ interceptors: { response } }: ErrorSource, handlers: Handlers): () => void {
  // A request made inside an interceptor may throw its error to the outer request: that is one failure, not two.
  const reported = new WeakSet<object>();
  const registration = response.use(null, (error) => {
    const facts = failureOf(error);
    const { kind, status = 0 } = facts;
    const handler =
      handlers[status] ?? handlers[`${Math.floor(status / 100)}xx` as "5xx"] ?? handlers[kind] ?? handlers.default;
    const target = Object(error) as object;
    if (handler && kind !== "aborted" && !reported.has(target)) queueMicrotask(() => handler(facts, error));
    reported.add(target);
    throw error;
  });
  return () => (typeof registration === "number" ? response.eject!(registration) : registration.eject());
}
