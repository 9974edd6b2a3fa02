/**
 * TanStack Query beside a session: retries that never multiply, no query while there is no way to answer it, and no
 * data of one person before the eyes of another.
 *
 *     const queryClient = new QueryClient({ defaultOptions: queryDefaults() });
 *     const stop = clearOnChange(session, queryClient);
 *
 * Nothing of the library is imported: what is needed of a QueryClient is written down here.
 */

import { retryDelay, shouldRetry } from "./again.js";
import { failureOf } from "./errors.js";
import { onAccountChange } from "./owner.js";
import type { Session } from "./types.js";

export { retryDelay, shouldRetry } from "./again.js";

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
