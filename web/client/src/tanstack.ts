/**
 * TanStack Query beside a session: retries that never multiply, and a cache that is cleared when the account changes.
 *
 *     const queryClient = new QueryClient({ defaultOptions: queryDefaults() });
 *     const stop = clearOnChange(session, queryClient);
 *
 * TanStack Query retries by itself. With these defaults it follows the rules of `gatepass/retry`:
 *
 *     the client has a retry layer   its errors have `attempts` and are not retried again
 *     it has none                    they are retried by the rules, waits and budget of that layer
 *
 * Nothing of the library is imported.
 */

import { failureOf } from "./errors.js";
import { budgetFor } from "./request/retry-budget.js";
import { isGivenUp, isTransient, waitBefore } from "./request/retry-rules.js";
import type { FailedRequest } from "./request/types.js";
import { onAccountChange } from "./session/account-change.js";
import type { Session } from "./session/types.js";

const MAX_RETRIES = 3;
/** The error of a query may name no method; then it is taken as GET. */
const IDEMPOTENT = /^(GET|HEAD|OPTIONS|TRACE|PUT|DELETE|QUERY)$/i;

/**
 * For TanStack Query: `retry: shouldRetry`. `failureCount` is 0 for the first failure. If it returns true, it has taken
 * an attempt from the budget of the page.
 */
export function shouldRetry(failureCount: number, error: unknown): boolean {
  const failure = failureOf(error);
  if (failureCount >= MAX_RETRIES || isGivenUp(error) || !isTransient(failure)) return false;
  const { config = {}, method = config.method ?? "GET", url = config.url ?? "" } = error as FailedRequest;
  if (!IDEMPOTENT.test(method) && failure.kind !== "refresh-unavailable") return false;
  const base = new URL(config.baseURL ?? "", globalThis.location?.href ?? "http://localhost");
  const budget = budgetFor(new URL(url, base).origin);
  if (!failureCount) budget.fill();
  return budget.spend();
}

/** For TanStack Query: `retryDelay`. Returns ms. */
export function retryDelay(failureCount: number, error: unknown): number {
  return waitBefore(failureCount + 1, failureOf(error).retryAfterMs);
}

/** The part of a QueryClient that is used. */
interface Cache {
  cancelQueries(): Promise<void>;
  getQueryCache(): { getAll(): readonly { reset(): void }[] };
  clear(): void;
}

/** For `new QueryClient({ defaultOptions })`. */
export interface QueryDefaults {
  readonly queries: {
    readonly retry: (failureCount: number, error: unknown) => boolean;
    readonly retryDelay: (failureCount: number, error: unknown) => number;
    /** True for errors of code, which go to the nearest error boundary; false for all errors of requests. */
    readonly throwOnError: (error: unknown) => boolean;
  };
  readonly mutations: { readonly retry: false };
}

/** Queries are retried by the rules and the budget of `gatepass/retry`, mutations never. */
export function queryDefaults(): QueryDefaults {
  return {
    queries: { retry: shouldRetry, retryDelay, throwOnError: (error) => failureOf(error).kind === "unknown" },
    mutations: { retry: false },
  };
}

/**
 * Clears the cache when another account, or none, is signed in. Queries in progress are cancelled first: their results
 * would be added to the empty cache. Returns a function that stops it.
 *
 * A reload resumes the same account: data restored by a persister stays.
 */
export function clearOnChange(session: Session, cache: Cache): () => void {
  return onAccountChange(session, () => {
    // Not awaited: a query that starts after this belongs to the next account.
    void cache.cancelQueries();
    // A mounted component would keep the data of a query that is only removed from the cache.
    for (const query of cache.getQueryCache().getAll()) query.reset();
    cache.clear();
  });
}
