/**
 * The rules for retries: which failures are retried, and after which wait.
 *
 * They are those of `contract/retry_schedule.json`, which the Python client follows too. The retry layer and TanStack
 * Query both use them, so a request is treated alike in either.
 */

import type { Failure } from "../errors.js";
import { type Budgets, budgetFor } from "./retry-budget.js";

/** Options of the retry layer. Times in ms. */
export interface RetryOptions {
  /** The number of attempts, including the first. Default 4. */
  readonly attempts?: number | undefined;
  /** From the first sending, including all waits. No attempt begins later. Default 30 000. */
  readonly deadline?: number | undefined;
  /** The bound of the first wait; it doubles with each attempt. Default 250. */
  readonly initialWait?: number | undefined;
  /** The maximum of that bound. Default 8 000. */
  readonly maxWait?: number | undefined;
  /** The maximum that a Retry-After of the server can ask for. Default 60 000. */
  readonly maxRetryAfter?: number | undefined;
  /** Methods that may be retried, in upper case. Default: the idempotent ones (RFC 9110 §9.2.2) and QUERY. */
  readonly methods?: readonly string[] | undefined;
  /** Default: `budgetFor`, shared by the page. */
  readonly budget?: Budgets | undefined;
  /** Returns a random number from 0 to 1. Default: Math.random. */
  readonly draw?: (() => number) | undefined;
}

/** The options with all their values. */
export type RetryPolicy = { readonly [Name in keyof RetryOptions]-?: Exclude<RetryOptions[Name], undefined> };

/** From `contract/retry_schedule.json`. */
export const DEFAULTS: RetryPolicy = {
  attempts: 4,
  deadline: 30_000,
  initialWait: 250,
  maxWait: 8_000,
  maxRetryAfter: 60_000,
  methods: ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"],
  budget: budgetFor,
  draw: Math.random,
};
/** The policy of these options, later ones take precedence; what is undefined counts as not given. */
export function policyOf(...options: (RetryOptions | undefined)[]): RetryPolicy {
  const given = options.flatMap((each) => Object.entries(each ?? {}).filter(([, value]) => value !== undefined));
  return { ...DEFAULTS, ...Object.fromEntries(given) };
}

/** Without 501, 505, 508 and 511: they are permanent. */
const TRANSIENT = /^(408|425|429|5(?!01|05|08|11)\d\d|network|timeout|refresh-unavailable)$/;

/** Whether another attempt may succeed. */
export function isTransient({ kind, status }: Pick<Failure, "kind" | "status">): boolean {
  return TRANSIENT.test(`${status ?? kind}`);
}

/** The wait after attempt number `attempt` (the first is 1), ms. */
export function waitBefore(attempt: number, retryAfterMs?: number, policy: RetryPolicy = DEFAULTS): number {
  const { initialWait, maxWait, maxRetryAfter, draw } = policy;
  const bound = Math.min(maxWait, initialWait * 2 ** (attempt - 1));
  // A little later than asked, so that clients with the same Retry-After do not return at the same moment.
  return retryAfterMs ? Math.min(retryAfterMs, maxRetryAfter) + initialWait * draw() : bound * draw();
}

/** Whether the error has already been through a retry layer. */
export function isGivenUp(error: unknown): boolean {
  return Object(error).attempts > 0;
}
