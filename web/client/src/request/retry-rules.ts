/**
 * The rules by which anything on a page retries: which failures are worth it, and how long to wait before.
 *
 * They are those of `contract/retry_schedule.json`, which the Python client keeps too. The layer (`gatepass/retry`)
 * and TanStack Query (`gatepass/tanstack`) ask here, so that a request is treated alike whichever of them retries it.
 */

import type { Failure } from "../errors.js";
import { type Budgets, budgetFor } from "./retry-budget.js";

/** What the layer goes by. Times in ms. */
export interface RetryOptions {
  /** With the first. Default 4. */
  readonly attempts?: number;
  /** For the whole request, from its first sending, waits for the network included: no attempt begins after it. Default 30 000. */
  readonly deadline?: number;
  /** The bound of the first wait; it doubles with each further one. Default 250. */
  readonly initialWait?: number;
  /** No bound is over this. Default 8 000. */
  readonly maxWait?: number;
  /** The longest wait that a server can ask for. Default 60 000. */
  readonly maxRetryAfter?: number;
  /** In upper case. Default: the idempotent ones (RFC 9110 §9.2.2) and QUERY. */
  readonly methods?: readonly string[];
  /** Default: that of the page, `budgetFor`. */
  readonly budget?: Budgets;
  /** A number from 0 to 1, anew each time. Default: Math.random. */
  readonly draw?: () => number;
}

/** The options, each with its value. */
export type RetryPolicy = Required<RetryOptions>;

/** Those of `contract/retry_schedule.json`. */
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
/** Not those of the 5xx that say what a server does not do: it does not do it a second later either. */
const TRANSIENT = /^(408|425|429|5(?!01|05|08|11)\d\d|network|timeout|refresh-unavailable)$/;

/** Whether it is worth another attempt. */
export function isTransient({ kind, status }: Pick<Failure, "kind" | "status">): boolean {
  return TRANSIENT.test(`${status ?? kind}`);
}

/** Before the attempt that follows the one of this number (the first is 1), ms. */
export function waitBefore(attempt: number, retryAfterMs?: number, policy: RetryPolicy = DEFAULTS): number {
  const { initialWait, maxWait, maxRetryAfter, draw } = policy;
  const bound = Math.min(maxWait, initialWait * 2 ** (attempt - 1));
  // Later than asked, by a little: whoever was told the same does not come back at the same instant.
  return retryAfterMs ? Math.min(retryAfterMs, maxRetryAfter) + initialWait * draw() : bound * draw();
}

/** Whether a retry layer has had it. */
export function isGivenUp(error: unknown): boolean {
  return Object(error).attempts > 0;
}
