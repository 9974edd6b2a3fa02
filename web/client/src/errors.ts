/**
 * The one error of this package; `kind` is the thing to switch on, and TypeScript narrows by it.
 *
 *     http                 an answer that is no success: `status`, `problem`, `retryAfterMs`
 *     network, timeout     no answer; whether the server acted is unknown
 *     aborted              the caller's own signal
 *     session-ended        the session that the request belonged to is over
 *     refresh-unavailable  the access token ran out and no new one can be had now; the session is kept
 *     not-replayable       refused with 401, and its body was a stream that is used up: send it again
 *
 * Axios users get Axios' own errors for the first three rows; `failureOf` reads both alike,
 * and `onErrors` is the one place to tell people:
 *
 *     onErrors(api, { 404: …, "5xx": …, network: …, default: ({ kind }) => toast(texts[kind]) });
 */

export type ErrorKind = GatepassError["kind"];

/** A problem document (RFC 9457), or whatever JSON object an application answers an error with. */
export interface Problem {
  readonly type?: string;
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly [fact: string]: unknown;
}

/** What an error knows beside its kind. */
export interface ErrorFacts {
  readonly status?: number | undefined;
  readonly problem?: Problem | null | undefined;
  /** When to come back, ms from now. */
  readonly retryAfterMs?: number | undefined;
  readonly method?: string | undefined;
  /** Without its query, which may hold secrets. */
  readonly url?: string | undefined;
  readonly cause?: unknown;
}

/** What every kind has. */
interface Failed<Kind extends string, Status> extends Error, Omit<ErrorFacts, "status" | "cause"> {
  readonly isGatepassError: true;
  readonly kind: Kind;
  readonly status: Status;
  /** How often the request was sent, where a retry layer counted. */
  attempts?: number;
  /** For logs: nothing that a person or an application wrote, and no cause. */
  toJSON(): Record<string, unknown>;
}

/** An answer that is no success. `problem` is null where its body is no JSON object. */
export interface HttpError extends Failed<"http", number> {
  readonly problem: Problem | null;
}

/** By its kind. It holds no token, no header and no request body. */
export type GatepassError =
  | HttpError
  | Failed<"network", undefined>
  | Failed<"timeout", undefined>
  | Failed<"aborted", undefined>
  | Failed<"session-ended", undefined>
  | Failed<"refresh-unavailable", undefined>
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

/** Made by this package alone; exported for `instanceof`. */
export const GatepassError = Thrown as unknown as new (kind: ErrorKind, facts?: ErrorFacts) => GatepassError;

/** Whether it is one: by a mark of its own, so also where a page has two copies, a minifier or a rewritten message. */
export function isGatepassError(error: unknown): error is GatepassError {
  return (error as GatepassError | null)?.isGatepassError === true;
}

/** Without an answer: `timeout` for AbortSignal.timeout(), `aborted` for any other signal that fired, else `network`. */
export function transportError(signal: AbortSignal | null | undefined, cause?: unknown): GatepassError {
  const kind = !signal?.aborted ? "network" : signal.reason?.name === "TimeoutError" ? "timeout" : "aborted";
  return new GatepassError(kind, { cause });
}

const MAX_RETRY_AFTER = 3_600_000;

/**
 * Retry-After in either of its forms (RFC 9110 §10.2.3) as ms from now; at most an hour is believed.
 *
 * A date counts from the answer's own Date: this device's clock may be wrong by a day.
 */
export function readRetryAfter(text: string | null | undefined, date?: string | null): number | undefined {
  const ms = +/^\d+$/.exec(text ?? "")! * 1_000 || Date.parse(text ?? "") - (Date.parse(date ?? "") || Date.now());
  return ms > 0 ? Math.min(ms, MAX_RETRY_AFTER) : undefined;
}

/** A failure as layers and handlers see it. `unknown`: no request failed, but code (an interceptor that threw). */
export interface Failure {
  readonly kind: ErrorKind | "unknown";
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  /** The code that the problem document names. */
  readonly code: string | undefined;
}

/** What of an AxiosError is read. */
interface AxiosFailure {
  readonly code?: string;
  readonly message?: string;
  readonly request?: unknown;
  readonly response?: { readonly status: number; readonly data?: unknown; readonly headers?: Record<string, unknown> };
}

/** Of Axios' codes, those that are not about the network. */
const AXIOS_KINDS: Readonly<Record<string, Failure["kind"]>> = {
  ERR_CANCELED: "aborted",
  ECONNABORTED: "timeout",
  ETIMEDOUT: "timeout",
  ERR_NETWORK: "network",
};

/** Reads a GatepassError or an AxiosError; anything else is `unknown`. */
export function failureOf(error: unknown): Failure {
  if (isGatepassError(error)) return failure(error.kind, error, error.problem);
  const { code = "", message, request, response } = (error ?? {}) as AxiosFailure;
  if (response) {
    const { "retry-after": after, date } = (response.headers ?? {}) as Record<string, string | undefined>;
    const retryAfterMs = readRetryAfter(after, date);
    return failure("http", { status: response.status, retryAfterMs }, problemOf(response.data));
  }
  // Not a time-out, though Axios gives it the same code: the page is being left.
  if (code === "ECONNABORTED" && message === "Request aborted") return failure("aborted");
  const isAxios = (error as { isAxiosError?: boolean } | null)?.isAxiosError;
  // In Node the code is the system's (ECONNRESET …): what was sent and has no answer met the network.
  return failure(AXIOS_KINDS[code] ?? (isAxios && request && !code.startsWith("ERR_") ? "network" : "unknown"));
}

function failure(
  kind: Failure["kind"],
  { status, retryAfterMs }: Pick<GatepassError, "status" | "retryAfterMs"> | Partial<Failure> = {},
  problem?: Problem | null,
): Failure {
  return { kind, status, retryAfterMs, code: problem?.code };
}

/** Of an answer that Axios has parsed, or not (`responseType`). */
function problemOf(data: unknown): Problem | null {
  if (typeof data !== "string") return data as Problem | null;
  try {
    return JSON.parse(data) as Problem | null;
  } catch {
    return null;
  }
}

/** What is told of a failure, and the error itself: Axios' own, where the request went through Axios. */
export type OnFailure = (failure: Failure, error: unknown) => void;

/** By status (404), by class of status ("5xx"), by kind ("network"); `default` for whatever has none of its own. */
export type Handlers = {
  readonly [Key in number | "4xx" | "5xx" | ErrorKind | "unknown" | "default"]?: OnFailure;
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
 * Be told of each failed request once, after retry has given up; never of one that was aborted. The caller gets its
 * error all the same.
 *
 * Add it first: then interceptors added later mend errors before they get here (with Axios: add it last). What a
 * handler throws is reported by the browser and changes nothing. Returns what ends it.
 */
export function onErrors({ interceptors: { response } }: ErrorSource, handlers: Handlers): () => void {
  // A request inside an interceptor passes its error on to the request around it: that is one failure, not two.
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
