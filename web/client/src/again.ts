/**
 * The rules of the retry layer for libraries that retry by themselves (TanStack Query), so that retries never multiply:
 *
 *     the client has a retry layer   its errors have `attempts`: never again
 *     it has none                    the same rules, waits and budget as the layer's
 */

import { budgetFor } from "./budget.js";
import { failureOf } from "./errors.js";
import { isGivenUp, isTransient, waitBefore } from "./retry.js";

const MOST_RETRIES = 3;
/** Of queries the method is not always known: GET then. */
const IDEMPOTENT = /^(GET|HEAD|OPTIONS|TRACE|PUT|DELETE|QUERY)$/i;

/** What is known of a failed request outside of the layers: of a GatepassError, or of an AxiosError. */
interface Failed {
  readonly method?: string;
  readonly url?: string;
  readonly config?: { readonly method?: string; readonly url?: string; readonly baseURL?: string };
}

/**
 * For TanStack Query: `retry: shouldRetry`. `failureCount` is 0 for the first failure. Takes an attempt from the budget of
 * the page when it says yes.
 */
export function shouldRetry(failureCount: number, error: unknown): boolean {
  const failure = failureOf(error);
  if (failureCount >= MOST_RETRIES || isGivenUp(error) || !isTransient(failure)) return false;
  const { config = {}, method = config.method ?? "GET", url = config.url ?? "" } = error as Failed;
  if (!IDEMPOTENT.test(method) && failure.kind !== "refresh-unavailable") return false;
  const base = new URL(config.baseURL ?? "", globalThis.location?.href ?? "http://localhost");
  const budget = budgetFor(new URL(url, base).origin);
  if (!failureCount) budget.fill();
  return budget.spend();
}

/** For TanStack Query: `retryDelay`. ms */
export function retryDelay(failureCount: number, error: unknown): number {
  return waitBefore(failureCount + 1, failureOf(error).retryAfterMs);
}
