/**
 * RTK Query over a client of `gatepass/fetch`, with results and errors that can be stored in Redux.
 *
 *     const api = createApi({ baseQuery: baseQuery(client), endpoints: (build) => ({
 *       notes: build.query<Note[], void>({ query: () => "/notes" }),
 *     }) });
 *     const stop = resetOnChange(session, () => store.dispatch(api.util.resetApiState()));
 *
 * The client's `retry()` layer retries; do not wrap this in the `retry` utility of RTK. Nothing of the library is
 * imported.
 */

import { isGatepassError } from "./errors.js";
import type { Client, ClientOptions } from "./fetch.js";
import { onAccountChange } from "./session/account-change.js";
import type { Session } from "./session/types.js";

/** What an endpoint's `query` returns: a path, or a request. */
export type QueryArg = string | (ClientOptions & { readonly url: string });

/** Plain facts without user input and without headers, since a store may be logged and persisted. */
export interface QueryFailure {
  readonly kind: string;
  readonly status?: number;
  readonly code?: string;
  readonly detail?: string;
  readonly retryAfterMs?: number;
  readonly attempts?: number;
}

/** The status, if there was a response. */
export interface QueryMeta {
  readonly status?: number;
}

/** What RTK Query takes as `baseQuery`. */
export type BaseQuery = (
  arg: QueryArg,
  api: { readonly signal: AbortSignal },
) => Promise<{ data: unknown; meta: QueryMeta } | { error: QueryFailure; meta: QueryMeta }>;

/** Sends requests through `client`. They are aborted with the signal of their query. */
export function baseQuery(client: Pick<Client, "request">): BaseQuery {
  return async (arg, { signal }) => {
    const { url, ...options } = typeof arg === "string" ? { url: arg } : arg;
    try {
      const { data, status } = await client.request(url, { ...options, signal });
      return { data, meta: { status } };
    } catch (error) {
      // Any other error is a bug, for example of an interceptor: RTK logs it, and the query fails with it.
      if (!isGatepassError(error)) throw error;
      const { kind, status, problem, retryAfterMs, attempts } = error;
      const facts = { kind, status, code: problem?.code, detail: problem?.detail, retryAfterMs, attempts };
      return { error: JSON.parse(JSON.stringify(facts)) as QueryFailure, meta: status ? { status } : {} };
    }
  };
}

/** Calls `reset` when another account, or none, is signed in. Returns a function that stops it. */
export function resetOnChange(session: Session, reset: () => void): () => void {
  return onAccountChange(session, reset);
}
