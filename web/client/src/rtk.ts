/**
 * RTK Query over a client of `gatepass/fetch`: results and errors that fit into a Redux store.
 *
 *     const api = createApi({ baseQuery: baseQuery(client), endpoints: (build) => ({
 *       notes: build.query<Note[], void>({ query: () => "/notes" }),
 *     }) });
 *     const stop = resetOnChange(session, () => store.dispatch(api.util.resetApiState()));
 *
 * Retries are those of the client's `retry()` layer, so RTK's own `retry` utility is not needed, and must not be put
 * around this. Nothing of the library is imported.
 */

import { isGatepassError } from "./errors.js";
import type { Client, ClientOptions } from "./fetch.js";
import { onAccountChange } from "./session/account-change.js";
import type { Session } from "./session/types.js";

/** What an endpoint's `query` returns: a path, or a whole request. */
export type QueryArg = string | (ClientOptions & { readonly url: string });

/** Plain facts, without what a person typed and without the answer's headers: a store may be logged and persisted. */
export interface QueryFailure {
  readonly kind: string;
  readonly status?: number;
  readonly code?: string;
  readonly detail?: string;
  readonly retryAfterMs?: number;
  readonly attempts?: number;
}

/** Beside a result: its status, where there was an answer. */
export interface QueryMeta {
  readonly status?: number;
}

/** What RTK Query takes as `baseQuery`. */
export type BaseQuery = (
  arg: QueryArg,
  api: { readonly signal: AbortSignal },
) => Promise<{ data: unknown; meta: QueryMeta } | { error: QueryFailure; meta: QueryMeta }>;

/** Requests go through `client` with everything that it has; the signal of a query that nobody waits for aborts them. */
export function baseQuery(client: Pick<Client, "request">): BaseQuery {
  return async (arg, { signal }) => {
    const { url, ...options } = typeof arg === "string" ? { url: arg } : arg;
    try {
      const { data, status } = await client.request(url, { ...options, signal });
      return { data, meta: { status } };
    } catch (error) {
      // A bug in an interceptor is no answer: RTK shows it in the console, and the query fails with it.
      if (!isGatepassError(error)) throw error;
      const { kind, status, problem, retryAfterMs, attempts } = error;
      const facts = { kind, status, code: problem?.code, detail: problem?.detail, retryAfterMs, attempts };
      return { error: JSON.parse(JSON.stringify(facts)) as QueryFailure, meta: status ? { status } : {} };
    }
  };
}

/** Call `reset` when somebody else is signed in, or nobody: the cache belongs to an account. Returns what ends it. */
export function resetOnChange(session: Session, reset: () => void): () => void {
  return onAccountChange(session, reset);
}
