/**
 * A small client over fetch, similar to Axios: JSON in and out, errors as GatepassError, interceptors, layers.
 *
 *     const api = createClient({ baseURL: "/api", session, layers: [retry()] });
 *     const { data } = await api.get("/notes", { query: { page: 2 } });
 *
 * Interceptors run once per request, in the order they were added for requests and in reverse for responses; layers
 * run inside them. The token is attached last, and only to requests to the origin of `baseURL`.
 */

import { GatepassError, isGatepassError, transportError } from "./errors.js";
import { deliver, isStream, withToken } from "./request/deliver.js";
import { createInterceptors, type Interceptors } from "./request/interceptors.js";
import type { Call, Layer } from "./request/layer.js";
import { refusalIn } from "./request/refusal.js";
import type { ClientOptions, ClientRequest, ClientResponse } from "./request/types.js";
import { factsOf } from "./session/endpoints.js";
import type { Session, Trace } from "./session/types.js";

export type { Handle, Interceptors, OnError, OnRequest, OnResponse, When } from "./request/interceptors.js";
export { graphqlRefused } from "./request/refusal.js";
export { createFetch, type FetchSetup, type IsRefused } from "./request/session-fetch.js";
export type { ClientOptions, ClientRequest, ClientResponse } from "./request/types.js";

export type Verb = <Data = unknown>(url: string, options?: ClientOptions) => Promise<ClientResponse<Data>>;
export type BodyVerb = <Data = unknown>(
  url: string,
  body?: unknown,
  options?: ClientOptions,
) => Promise<ClientResponse<Data>>;

/** Rejects with a GatepassError for every status outside 200–299. */
export interface Client {
  readonly interceptors: Interceptors;
  readonly request: Verb;
  readonly get: Verb;
  readonly head: Verb;
  readonly options: Verb;
  readonly delete: Verb;
  readonly post: BodyVerb;
  readonly put: BodyVerb;
  readonly patch: BodyVerb;
}

/** Options of a client. Those of a request (`timeout`, `headers`, `credentials` …) apply to all its requests. */
export interface ClientSetup extends Omit<ClientOptions, "url" | "body"> {
  /** The base of relative addresses: "/api", or an absolute one. Default: the root at the origin of the session. */
  readonly baseURL?: string | undefined;
  /** Supplies the access tokens. */
  readonly session: Session;
  /** Run inside all interceptors and around the session; the first is the outermost. */
  readonly layers?: readonly Layer[] | undefined;
  /** Used instead of `globalThis.fetch`, which is looked up at every call. */
  readonly fetch?: typeof fetch | undefined;
}

/** The parts of one request that are the same for every attempt. Tokens are sent to the origin `home` only. */
interface Prepared {
  readonly request: ClientRequest;
  readonly init: RequestInit;
  readonly home: string;
}

/** Creates a client for one API. */
export function createClient({ baseURL, session, layers, fetch, headers: common, ...defaults }: ClientSetup): Client {
  const [interceptors, run] = createInterceptors();

  async function request<Data>(url: string, given: ClientOptions = {}): Promise<ClientResponse<Data>> {
    const headers = new Headers(common);
    if (given.headers) for (const [name, value] of new Headers(given.headers)) headers.set(name, value);
    const request: Record<string, unknown> = { method: "GET", ...defaults };
    // What is undefined counts as not given: `{ timeout: options.timeout }` keeps the client's.
    for (const [name, value] of Object.entries({ ...given, url, headers }))
      if (value !== undefined) request[name] = value;
    return run(request as unknown as ClientRequest, exchange) as Promise<ClientResponse<Data>>;
  }

  /** Converts a request for `fetch` and passes it through the layers. */
  function exchange(request: ClientRequest): Promise<ClientResponse> {
    const { url: path, query, headers, body, ...rest } = request;
    const base = new URL(baseURL || session.origin, globalThis.location?.href);
    const url = resolveUrl(path, base, query);
    const method = rest.method.toUpperCase();
    const isOnce = isStream(body);
    // By its tag: a class of the application's is an object too, and so is one of another frame.
    const isJson = !isOnce && / (Object|Array)]/.test({}.toString.call(body));
    const sent = isJson ? JSON.stringify(body) : ((body as BodyInit | undefined) ?? null);
    const init = { ...rest, ...(isOnce && { duplex: "half" }), method, body: sent } as RequestInit;
    if (isJson && !headers.has("Content-Type")) headers.set("Content-Type", "application/json");
    const call = {
      method,
      url,
      headers,
      signal: rest.signal ?? null,
      isReplayable: !isOnce,
      options: { ...request },
    };
    return deliver({ session, layers }, call, (call, trace) =>
      attempt(call, trace, { request, init, home: base.origin }),
    );
  }

  /** Sends once through the session. A layer may call this several times. */
  async function attempt(call: Call, trace: Trace, { request, init, home }: Prepared): Promise<ClientResponse> {
    const signal = withTimeout(call);
    const isOwn = call.url.origin === home && !request.headers.has("Authorization");
    try {
      const response = await withToken(session, { ...call, signal }, isOwn, trace, async (token) => {
        const headers = new Headers(request.headers);
        if (token) headers.set("Authorization", `Bearer ${token}`);
        const response = await (fetch ?? globalThis.fetch)(call.url.href, { ...init, headers, signal });
        return [response, response.status, await refusalIn(response)];
      });
      return await readResponse(response, request);
    } catch (cause) {
      if (isGatepassError(cause)) throw cause;
      throw transportError(signal, cause);
    }
  }

  const verb =
    (method: string): Verb =>
    (url, given) =>
      request(url, { ...given, method });
  const bodyVerb =
    (method: string): BodyVerb =>
    (url, body, given) =>
      request(url, { ...given, body, method });

  return {
    interceptors,
    request,
    get: verb("GET"),
    head: verb("HEAD"),
    options: verb("OPTIONS"),
    delete: verb("DELETE"),
    post: bodyVerb("POST"),
    put: bodyVerb("PUT"),
    patch: bodyVerb("PATCH"),
  };
}

/** The call's signal, combined with the `timeout`, which covers this attempt including its body. */
function withTimeout({ signal, options: { timeout } }: Call): AbortSignal | null {
  if (!timeout) return signal;
  const limit = AbortSignal.timeout(timeout as number);
  return signal ? AbortSignal.any([signal, limit]) : limit;
}

/** Joins a relative address to the base, with or without a leading slash; an absolute one stays as it is. */
function resolveUrl(path: string, base: URL, query: ClientRequest["query"] = {}): URL {
  const isAbsolute = /^([a-z][a-z\d+.-]*:)?\/\//i.test(path);
  const url = new URL(isAbsolute ? path : `${base.href.replace(/\/+$/, "")}/${path.replace(/^\/+/, "")}`, base);
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one != null) url.searchParams.append(name, `${one}`);
  }
  return url;
}

async function readResponse(response: Response, request: ClientRequest): Promise<ClientResponse> {
  const { status, headers } = response;
  const { responseType, throwHttpErrors = true } = request;
  const type = headers.get("Content-Type") ?? "";
  const isJson = /[/+]json\b/i.test(type);
  const isFailed = !response.ok && throwHttpErrors;
  const how = isFailed ? "text" : (responseType ?? (isJson ? "json" : /^(text\/|$)/i.test(type) ? "text" : "blob"));
  const raw = how === "stream" ? response.body : await response[how === "json" ? "text" : how]();
  if (isFailed) throw new GatepassError("http", factsOf(response, raw));
  let data: unknown = raw || null;
  try {
    if (how === "json" && raw) data = JSON.parse(raw as string);
  } catch (cause) {
    // The server responded, but its JSON cannot be parsed.
    throw new GatepassError("http", { status, cause });
  }
  return { data, status, headers, response, request };
}
