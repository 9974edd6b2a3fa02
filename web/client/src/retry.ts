/**
 * Sends a request again where that may help and cannot hurt: one place decides, for all that retries on a page.
 *
 *     idempotent method, or an Idempotency-Key   and   no answer, or 408 425 429 5xx   and   the body is no stream
 *     and   attempts, time and budget are left                               →   wait, then send again
 *
 * The wait is drawn at random up to a bound that doubles (full jitter), or what the server says in Retry-After. What
 * has no chance within the deadline is not waited for: the caller gets the answer, or the error, at once. A refresh
 * that is unavailable for now is waited for too, whatever the method: the server has done nothing yet.
 *
 * Retries never multiply: an error that has `attempts` went through a retry layer, and nobody sends that request again,
 * neither a second layer nor TanStack Query (`shouldRetry`).
 */

import { type Budgets, budgetFor } from "./budget.js";
import { type Failure, failureOf, readRetryAfter } from "./errors.js";
import type { Answer, Call, Layer } from "./layer.js";
import { rest, waitForNetwork } from "./rest.js";

export { type Budget, type Budgets, budgetFor, createBudget } from "./budget.js";

/** What the layer goes by. Times in ms. */
export interface RetryOptions {
  /** With the first. Default 4. */
  readonly attempts?: number;
  /** For the whole request, from its first sending, waits for the network included: no attempt begins after it. Default 30 000. */
  readonly deadline?: number;
  /** The bound of the first wait; it doubles with each further one. Default 250. */
  readonly firstWait?: number;
  /** No bound is over this. Default 8 000. */
  readonly mostWait?: number;
  /** The longest wait that a server can ask for. Default 60 000. */
  readonly mostRetryAfter?: number;
  /** In upper case. Default: the idempotent ones (RFC 9110 §9.2.2) and QUERY. */
  readonly methods?: readonly string[];
  /** Default: that of the page, `budgetFor`. */
  readonly budget?: Budgets;
  /** A number from 0 to 1, anew each time. Default: Math.random. */
  readonly draw?: () => number;
}

/** A further attempt is about to be waited for. */
export interface RetryNotice {
  /** Of the attempt that failed; the first is 1. */
  readonly attempt: number;
  /** Before the next one, ms; waits for the network come on top. */
  readonly wait: number;
  readonly failure: Failure;
}

declare module "./layer.js" {
  interface LayerOptions {
    /** False: sent once. True: sent again whatever its method. Or rules of its own, above those of the layer. */
    readonly retry?: boolean | RetryOptions;
  }
  interface Call {
    /** Set by layers outside of retry that want to know of further attempts. */
    readonly onRetry?: (notice: RetryNotice) => void;
  }
}

type Policy = Required<RetryOptions>;

/** Those of `contract/retry_schedule.json`. */
const DEFAULTS: Policy = {
  attempts: 4,
  deadline: 30_000,
  firstWait: 250,
  mostWait: 8_000,
  mostRetryAfter: 60_000,
  methods: ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"],
  budget: budgetFor,
  draw: Math.random,
};
/** Not those of the 5xx that say what a server does not do: it does not do it a second later either. */
const TRANSIENT = /^(408|425|429|5(?!01|05|08|11)\d\d|network|timeout|refresh-unavailable)$/;

/** The layer, to be put innermost. The error that it gives up with has `attempts`. */
export function retry(options?: RetryOptions): Layer {
  return (call, next) => {
    const said = call.options.retry;
    const given = said === false ? { attempts: 1 } : (said as RetryOptions);
    return persist(call, next, { ...DEFAULTS, ...options, ...given });
  };
}

async function persist<A extends Answer>(call: Call, next: (call: Call) => Promise<A>, policy: Policy): Promise<A> {
  const end = performance.now() + policy.deadline;
  const budget = policy.budget(call.url.origin);
  budget.fill();
  let attempt = 0;
  try {
    for (;;) {
      let answer: A | undefined;
      let error: unknown;
      try {
        answer = await next({ ...call, attempt: ++attempt });
      } catch (thrown) {
        error = thrown;
      }
      const failure = answer ? failureIn(answer) : failureOf(error);
      // What a layer of this kind further in has given up is given up.
      const isLeft = attempt < policy.attempts && !isGivenUp(error) && isRetriable(call, failure, policy);
      // An answer shows that there is a network, whatever the browser thinks.
      if (isLeft && !answer) await waitForNetwork(end, call.signal);
      const wait = waitBefore(attempt, failure.retryAfterMs, policy);
      if (isLeft && performance.now() + wait <= end && budget.spend()) {
        call.onRetry?.({ attempt, wait, failure });
        await rest(wait, call.signal);
      } else if (answer) return answer;
      else throw error;
    }
  } catch (error) {
    // Without throwing, whatever it is that was thrown.
    if (!isGivenUp(error)) Reflect.set(Object(error), "attempts", attempt);
    throw error;
  }
}

function failureIn({ status, headers }: Answer): Failure {
  return {
    kind: "http",
    status,
    retryAfterMs: readRetryAfter(headers.get("Retry-After"), headers.get("Date")),
  } as Failure;
}

function isRetriable({ method, headers, signal, isReplayable, options }: Call, failure: Failure, policy: Policy) {
  if (signal?.aborted || !isReplayable || !isTransient(failure)) return false;
  const isAllowed = policy.methods.includes(method) || options.retry === true;
  return isAllowed || failure.kind === "refresh-unavailable" || !!headers.get("Idempotency-Key");
}

/** Whether it is worth another attempt. */
export function isTransient({ kind, status }: Pick<Failure, "kind" | "status">): boolean {
  return TRANSIENT.test(`${status ?? kind}`);
}

/** Before the attempt that follows the one of this number (the first is 1), ms. */
export function waitBefore(attempt: number, retryAfterMs?: number, policy: Policy = DEFAULTS): number {
  const { firstWait, mostWait, mostRetryAfter, draw } = policy;
  const bound = Math.min(mostWait, firstWait * 2 ** (attempt - 1));
  // Later than asked, by a little: whoever was told the same does not come back at the same instant.
  return retryAfterMs ? Math.min(retryAfterMs, mostRetryAfter) + firstWait * draw() : bound * draw();
}

/** Whether a retry layer has had it. */
export function isGivenUp(error: unknown): boolean {
  return Object(error).attempts > 0;
}
