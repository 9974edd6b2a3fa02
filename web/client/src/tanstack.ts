/**
 * TanStack Query beside a session: retries that never multiply, no query while there is no way to answer it, and no
 * data of one person before the eyes of another.
 *
 *     const queryClient = new QueryClient({ defaultOptions: queryDefaults() });
 *     const stop = clearOnChange(session, queryClient);
 *
 * It retries by itself, and by the rules of `gatepass/retry`, so that retries never multiply:
 *
 *     the client has a retry layer   its errors have `attempts`: never again
 *     it has none                    the same rules, waits and budget as the layer's
 *
 * Nothing of the library is imported: what is needed of a QueryClient is written down here.
 */

import { failureOf } from "./errors.js";
import { budgetFor } from "./request/retry-budget.js";
import { isGivenUp, isTransient, waitBefore } from "./request/retry-rules.js";
import type { FailedRequest } from "./request/types.js";
import { onAccountChange } from "./session/account-change.js";
import type { Session } from "./session/types.js";

const MAX_RETRIES = 3;
/** Of queries the method is not always known: GET then. */
const IDEMPOTENT = /^(GET|HEAD|OPTIONS|TRACE|PUT|DELETE|QUERY)$/i;

/**
 * For TanStack Query: `retry: shouldRetry`. `failureCount` is 0 for the first failure. Takes an attempt from the budget of
 * the page when it says yes.
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

/** For TanStack Query: `retryDelay`. ms */
export function retryDelay(failureCount: number, error: unknown): number {
  return waitBefore(failureCount + 1, failureOf(error).retryAfterMs);
}

/** What of a QueryClient is used. */
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
    /** Errors that no component can mend go to the nearest error boundary; `session-ended` is the session's to tell. */
    readonly throwOnError: (error: unknown) => boolean;
  };
  readonly mutations: { readonly retry: false };
}

/** Retries by the rules and from the budget of `gatepass/retry`; where the client has that layer, none here. */
export function queryDefaults(): QueryDefaults {
  return {
    queries: { retry: shouldRetry, retryDelay, throwOnError: (error) => failureOf(error).kind === "unknown" },
    mutations: { retry: false },
  };
}

/**
 * Forget all data when somebody else is signed in, or nobody: the cache belongs to an account. What is under way is
 * cancelled first, or its answer would come back into the empty cache. Returns what ends it.
 *
 * A reload resumes the same account: what a persister brought back stays.
 */
export function clearOnChange(session: Session, cache: Cache): () => void {
  return onAccountChange(session, () => {
    // At once: a query that starts after it belongs to the next account.
    void cache.cancelQueries();
    // A component would keep showing what a query had that is merely taken out of the cache.
    for (const query of cache.getQueryCache().getAll()) query.reset();
    cache.clear();
  });
}
