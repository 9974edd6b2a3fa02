/**
 * The one error of this package; `kind` is the thing to switch on.
 *
 *     http                 an answer that is no success: `status`, `problem`
 *     network, timeout     no answer; whether the server acted is unknown
 *     aborted              the caller's own signal
 *     session-ended        the session that the request belonged to is over
 *     refresh-unavailable  the access token ran out and no new one can be had now; the session is kept
 *     not-replayable       refused with 401, and its body was a stream that is used up: send it again
 */

export type ErrorKind =
  | "http"
  | "network"
  | "timeout"
  | "aborted"
  | "session-ended"
  | "refresh-unavailable"
  | "not-replayable";

/** A problem document (RFC 9457), or whatever JSON object an application answers an error with. */
export interface Problem {
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
  readonly cause?: unknown;
}

/** Holds no token, no header and no request body. */
export class GatepassError extends Error {
  declare readonly kind: ErrorKind;
  declare readonly status: number | undefined;
  declare readonly problem: Problem | null | undefined;
  declare readonly retryAfterMs: number | undefined;

  constructor(kind: ErrorKind, { status, problem, retryAfterMs, cause }: ErrorFacts = {}) {
    super(problem?.detail ?? problem?.code ?? kind, { cause });
    Object.assign(this, { name: "GatepassError", kind, status, problem, retryAfterMs });
  }

  /** For logs: kind, status and code; nothing that a person or an application wrote. */
  toJSON(): { name: string; kind: ErrorKind; status: number | undefined; code: string | undefined } {
    const { name, kind, status, problem } = this;
    return { name, kind, status, code: problem?.code };
  }
}

/** What a caller's own signal makes of a wait: `timeout` for AbortSignal.timeout(), else `aborted`. */
export function abandoned({ reason }: AbortSignal): GatepassError {
  return new GatepassError(reason?.name === "TimeoutError" ? "timeout" : "aborted", { cause: reason });
}
