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

import { type Failure, failureOf, readRetryAfter } from "./errors.js";
import type { Answer, Call, Layer } from "./request/layer.js";
import {
  DEFAULTS,
  isGivenUp,
  isTransient,
  type RetryOptions,
  type RetryPolicy,
  waitBefore,
} from "./request/retry-rules.js";
import { waitFor, waitForNetwork } from "./request/wait.js";

export { type Budget, type Budgets, budgetFor, createBudget } from "./request/retry-budget.js";
export type { RetryOptions } from "./request/retry-rules.js";

/** A further attempt is about to be waited for. */
export interface RetryNotice {
  /** Of the attempt that failed; the first is 1. */
  readonly attempt: number;
  /** Before the next one, ms; waits for the network come on top. */
  readonly wait: number;
  readonly failure: Failure;
}

declare module "./request/layer.js" {
  interface LayerOptions {
    /** False: sent once. True: sent again whatever its method. Or rules of its own, above those of the layer. */
    readonly retry?: boolean | RetryOptions;
  }
  interface Call {
    /** Set by layers outside of retry that want to know of further attempts. */
    readonly onRetry?: (notice: RetryNotice) => void;
  }
}

/** The layer, to be put innermost. The error that it gives up with has `attempts`. */
export function retry(options?: RetryOptions): Layer {
  return (call, next) => {
    const own = call.options.retry;
    const given = own === false ? { attempts: 1 } : (own as RetryOptions);
    return sendWithRetries(call, next, { ...DEFAULTS, ...options, ...given });
  };
}

async function sendWithRetries<A extends Answer>(
  call: Call,
  next: (call: Call) => Promise<A>,
  policy: RetryPolicy,
): Promise<A> {
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
        await waitFor(wait, call.signal);
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

function isRetriable({ method, headers, signal, isReplayable, options }: Call, failure: Failure, policy: RetryPolicy) {
  if (signal?.aborted || !isReplayable || !isTransient(failure)) return false;
  const isAllowed = policy.methods.includes(method) || options.retry === true;
  return isAllowed || failure.kind === "refresh-unavailable" || headers.get("Idempotency-Key");
}
