/**
 * Sends a request again if that may help and is safe.
 *
 *     idempotent method, or an Idempotency-Key   and   no response, or 408 425 429 5xx   and   the body is not a stream
 *     and   attempts, time and budget are left                               →   wait, then send again
 *
 * The wait is random up to a bound that doubles (full jitter), or the Retry-After of the server. If the next attempt
 * cannot begin within the deadline, the caller gets the response or the error at once. A `refresh-unavailable` is
 * retried for every method, since the request has not been sent.
 *
 * Retries never multiply: an error with `attempts` has been through a retry layer and is not retried again, neither by
 * an outer layer nor by TanStack Query (`shouldRetry`).
 */

import { type Failure, failureOf, readRetryAfter } from "./errors.js";
import type { Answer, Call, Layer } from "./request/layer.js";
import {
  isGivenUp,
  isTransient,
  policyOf,
  type RetryOptions,
  type RetryPolicy,
  waitBefore,
} from "./request/retry-rules.js";
import { waitFor, waitForNetwork } from "./request/wait.js";

export { type Budget, type Budgets, budgetFor, createBudget } from "./request/retry-budget.js";
export type { RetryOptions } from "./request/retry-rules.js";

/** Describes a further attempt before the wait for it. */
export interface RetryNotice {
  /** The number of the attempt that failed; the first is 1. */
  readonly attempt: number;
  /** The wait before the next attempt, ms, without a wait for the network. */
  readonly wait: number;
  readonly failure: Failure;
}

declare module "./request/layer.js" {
  interface LayerOptions {
    /** False: sent once. True: any method may be retried. An object: options that override those of the layer. */
    readonly retry?: boolean | RetryOptions | undefined;
  }
  interface Call {
    /** Called before each wait. Set by layers outside of retry. */
    readonly onRetry?: ((notice: RetryNotice) => void) | undefined;
  }
}

/** The layer; put it last. An error that it passes on has `attempts`. */
export function retry(options?: RetryOptions): Layer {
  return (call, next) => {
    const own = call.options.retry;
    const given = own === false ? { attempts: 1 } : (own as RetryOptions);
    return sendWithRetries(call, next, policyOf(options, given));
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
      // An inner retry layer may have given up already.
      const isLeft = attempt < policy.attempts && !isGivenUp(error) && isRetriable(call, failure, policy);
      // A response shows that there is a network, even if `navigator.onLine` is false.
      if (isLeft && !answer) await waitForNetwork(end, call.signal);
      const wait = waitBefore(attempt, failure.retryAfterMs, policy);
      if (isLeft && performance.now() + wait <= end && budget.spend()) {
        call.onRetry?.({ attempt, wait, failure });
        // No caller gets this answer. Of fetch, an unread body would keep the connection.
        (answer as Partial<Response> | undefined)?.body?.cancel().catch(() => {});
        await waitFor(wait, call.signal);
      } else if (answer) return answer;
      else throw error;
    }
  } catch (error) {
    // Object(error) and Reflect.set never throw, even if the thrown value is a string, null, or frozen.
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
