/**
 * `fetch` with the token of a session, for every library that takes a fetch (openapi-fetch, ky, Apollo …).
 *
 *     const api = createClient<paths>({ baseUrl: "/api", fetch: createFetch({ session }) });
 *
 * Signature, answers and errors are those of fetch: a 403 is a Response, the caller's abort is its own reason, and
 * everything else that it rejects with is a TypeError. Where the session is the reason, `cause` is the GatepassError.
 */

import { isGatepassError, transportError } from "../errors.js";
import type { Session } from "../session/types.js";
import { deliver, isStream, withToken } from "./deliver.js";
import type { Layer } from "./layer.js";
import { refusalIn } from "./refusal.js";

/**
 * Whether an answer refuses the token, where no 401 of a Gatepass guard says so. `sent` returns the request, to read its
 * body. Gets copies: what it reads is not taken from the caller.
 */
export type IsRefused = (response: Response, sent: () => Request) => Promise<boolean>;

export interface FetchSetup {
  readonly session: Session;
  /** The one origin whose requests get the token. Default: that of the session's `baseURL`. */
  readonly origin?: string | undefined;
  /** Run around the session; the first is the outermost. */
  readonly layers?: readonly Layer[] | undefined;
  /**
   * For protocols that refuse in a way of their own: `graphqlRefused`. Asked of every answer to a request with the token;
   * what it reads must arrive whole before the caller gets the answer.
   */
  readonly isRefused?: IsRefused | undefined;
  /** Used instead of `globalThis.fetch`, which is looked up at every call. */
  readonly fetch?: typeof fetch | undefined;
}

/**
 * Creates a fetch that sends the session's token to one origin, and a refused request again, with the newer token.
 *
 * A request with an `Authorization` of its own is left alone. The body of a `Request` is kept until the answer, so it
 * can be sent twice; a stream in `init.body` is not, and rejects with `not-replayable` if its token was refused.
 */
export function createFetch({ session, origin, layers, isRefused, fetch }: FetchSetup): typeof globalThis.fetch {
  return async (input: RequestInfo | URL, options?: RequestInit | Request | null): Promise<Response> => {
    const given = options ?? {};
    const address = isRequest(input) ? input.url : `${input}`;
    const url = new URL(address, globalThis.location?.href);
    // `fetch(url, request)` is allowed too; the members of a Request are not its own, so they cannot be spread.
    const request = isRequest(input) ? input : isRequest(given) ? new Request(url, given) : null;
    const init = isRequest(given) ? {} : given;
    const headers = new Headers(init.headers ?? request?.headers);
    // With the slash, since "blob:https://…" has the origin too.
    const isOwn = url.href.startsWith(`${new URL(origin || session.origin).origin}/`) && !headers.has("Authorization");
    const { signal = request?.signal ?? null } = init;
    const isReplayable = !isStream(init.body);
    const method = (init.method ?? request?.method ?? "GET").toUpperCase();
    let next = request;
    /** What no caller gets. In the end all is let go: it would be kept in memory, of an endless stream for ever. */
    const kept: (Request | Response)[] = [];
    const keep = <One extends Request | Response>(one: One): One => {
      kept.push(one);
      return one;
    };

    const call = { method, url, headers, signal, isReplayable, options: { ...init } };
    const delivered = deliver({ session, layers }, call, (attempt, trace) => {
      let answer: Response | undefined;
      return withToken(session, attempt, isOwn, trace, async (token) => {
        if (answer) keep(answer);
        const own = new Headers(headers);
        if (token) own.set("Authorization", `Bearer ${token}`);
        const present = next;
        // The copy is for the next time; what the caller gave is used up by the first, as with fetch.
        if (present && (isOwn || layers)) next = keep(present.clone());
        const sent = { ...init, headers: own, signal: attempt.signal };
        answer = await (fetch ?? globalThis.fetch)(present ?? input, sent).catch((cause) => {
          throw transportError(attempt.signal, cause);
        });
        let refusal = await refusalIn(answer);
        if (token && !refusal && isReplayable && isRefused) {
          const asked = () => keep(next?.clone() ?? new Request(url, init));
          if (await isRefused(keep(answer.clone()), asked)) refusal = "invalid";
        }
        return [answer, answer.status, refusal];
      });
    });
    return delivered.catch(rethrow).finally(() => {
      // What has been read, or sent, cannot be cancelled.
      for (const one of kept) one.body?.cancel().catch(() => {});
    });
  };
}

function isRequest(value: RequestInfo | URL | RequestInit): value is Request {
  return typeof (value as Partial<Request>).url === "string";
}

/** Throws what fetch would throw. */
function rethrow(error: unknown): never {
  if (!isGatepassError(error)) throw error;
  const { kind, cause } = error;
  if (/^(network|timeout|aborted)$/.test(kind)) throw cause;
  // By this message libraries know a failure of the network, after which a request may be tried again later.
  throw new TypeError(kind === "refresh-unavailable" ? "fetch failed" : kind, { cause: error });
}
