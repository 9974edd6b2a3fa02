/**
 * A small client over fetch, in the manner of Axios: JSON in and out, errors as GatepassError, interceptors.
 *
 * Interceptors run in the order they were added on the way out and in reverse on the way back. The token is attached
 * after them and below redirects of ours: never to another origin than that of `baseURL`.
 */

import { carry } from "./carry.js";
import { abandoned, GatepassError } from "./errors.js";
import type { Session } from "./types.js";
import { factsOf, parse } from "./wire.js";

/** One request. What `RequestInit` has goes to fetch as it is. */
export interface ClientRequest extends Omit<RequestInit, "method" | "headers" | "body" | "signal"> {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  /** A plain object or array goes as JSON. */
  readonly body?: unknown;
  /** Appended to the address; null and undefined are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | null | undefined>>;
  readonly signal?: AbortSignal | null;
}

/** What a caller may leave out, it may. */
export type ClientOptions = Partial<Omit<ClientRequest, "headers">> & { readonly headers?: HeadersInit };

/** An answer of success. `data` is parsed JSON, text, or a Blob, by its media type; null if empty. */
export interface ClientResponse<Data = unknown> {
  readonly data: Data;
  readonly status: number;
  readonly headers: Headers;
  readonly response: Response;
  readonly request: ClientRequest;
}

/** `when` false: this request passes the interceptor by. */
export interface When {
  readonly when?: ((request: ClientRequest) => boolean) | undefined;
}

/** Takes an interceptor out again. */
export interface Handle {
  eject(): void;
}

type OnRequest = (request: ClientRequest) => ClientRequest | Promise<ClientRequest>;
type OnResponse = (response: ClientResponse) => ClientResponse | Promise<ClientResponse>;
/** Throws, or returns what the caller gets after all. */
type OnError = (error: unknown) => ClientResponse | Promise<ClientResponse>;

type Verb = <Data = unknown>(url: string, options?: ClientOptions) => Promise<ClientResponse<Data>>;
type BodyVerb = <Data = unknown>(url: string, body?: unknown, options?: ClientOptions) => Promise<ClientResponse<Data>>;

/** Rejects with a GatepassError for every status outside 200–299. */
export interface Client {
  readonly interceptors: {
    readonly request: { use(onRequest: OnRequest, options?: When): Handle };
    readonly response: { use(onResponse?: OnResponse | null, onError?: OnError | null, options?: When): Handle };
  };
  readonly request: Verb;
  readonly get: Verb;
  readonly delete: Verb;
  readonly post: BodyVerb;
  readonly put: BodyVerb;
  readonly patch: BodyVerb;
}

/** `baseURL` is what relative addresses are relative to ("/api" or an absolute one), `session` gives the tokens. */
export function createClient(options: { baseURL: string; session: Session; fetch?: typeof fetch }): Client {
  const requests = new Set<When & { onRequest: OnRequest }>();
  const responses = new Set<When & { onResponse: OnResponse | null; onError: OnError | null }>();

  async function request<Data>(url: string, given: ClientOptions = {}): Promise<ClientResponse<Data>> {
    // As they are now: what is added or ejected meanwhile counts from the next request on.
    const [out, back] = [[...requests], [...responses].reverse()];
    let asked: ClientRequest = { method: "GET", ...given, url, headers: new Headers(given.headers) };
    const departed = async () => {
      for (const { when, onRequest } of out) if (!when || when(asked)) asked = await onRequest(asked);
      return exchange(asked, options);
    };
    let answer = departed();
    for (const { when, onResponse, onError } of back) {
      answer = answer.then(
        (response) => (onResponse && (!when || when(asked)) ? onResponse(response) : response),
        (error) => {
          if (onError && (!when || when(asked))) return onError(error);
          throw error;
        },
      );
    }
    return answer as Promise<ClientResponse<Data>>;
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
    interceptors: {
      request: { use: (onRequest, { when } = {}) => enrol(requests, { onRequest, when }) },
      response: {
        use: (onResponse = null, onError = null, { when } = {}) => enrol(responses, { onResponse, onError, when }),
      },
    },
    request,
    get: verb("GET"),
    delete: verb("DELETE"),
    post: bodyVerb("POST"),
    put: bodyVerb("PUT"),
    patch: bodyVerb("PATCH"),
  };
}

function enrol<Entry>(entries: Set<Entry>, entry: Entry): Handle {
  entries.add(entry);
  return { eject: () => void entries.delete(entry) };
}

/** One request as `fetch` understands it, with the session's token. */
async function exchange(request: ClientRequest, options: Parameters<typeof createClient>[0]): Promise<ClientResponse> {
  const { url: path, query, headers, body, signal, ...rest } = request;
  const base = new URL(options.baseURL, globalThis.location?.href);
  const url = locate(path, base, query);
  const isJson = Array.isArray(body) || Object.getPrototypeOf(body ?? "") === Object.prototype;
  const isStream = body instanceof ReadableStream;
  const init = {
    ...rest,
    ...(isStream && { duplex: "half" }),
    body: isJson ? JSON.stringify(body) : ((body as BodyInit | undefined) ?? null),
    signal: signal ?? null,
  };
  if (isJson && !headers.has("Content-Type")) headers.set("Content-Type", "application/json");
  try {
    const response = await carry(options.session, {
      method: rest.method,
      url: url.href,
      isOwn: url.origin === base.origin && !headers.has("Authorization"),
      isReplayable: !isStream,
      signal,
      send(token) {
        const sent = new Headers(headers);
        if (token) sent.set("Authorization", `Bearer ${token}`);
        return (options.fetch ?? fetch)(url.href, { ...init, headers: sent });
      },
      statusOf: ({ status }) => status,
      challengeOf: async (refused) => [
        refused.headers.get("WWW-Authenticate"),
        parse(await refused.clone().text())?.code,
      ],
    });
    return await unpack(response, request);
  } catch (cause) {
    if (cause instanceof GatepassError) throw cause;
    throw signal?.aborted ? abandoned(signal) : new GatepassError("network", { cause });
  }
}

/** Relative addresses are joined to the base, a leading slash or not; absolute ones stay. */
function locate(path: string, base: URL, query: ClientRequest["query"] = {}): URL {
  const isAbsolute = /^([a-z][a-z\d+.-]*:)?\/\//i.test(path);
  const url = new URL(isAbsolute ? path : `${base.href.replace(/\/+$/, "")}/${path.replace(/^\/+/, "")}`, base);
  for (const [name, value] of Object.entries(query)) if (value != null) url.searchParams.append(name, `${value}`);
  return url;
}

async function unpack(response: Response, request: ClientRequest): Promise<ClientResponse> {
  const { status, headers, ok } = response;
  const type = headers.get("Content-Type") ?? "";
  const isJson = /[/+]json\b/i.test(type);
  const raw = isJson || !ok || /^(text\/|$)/i.test(type) ? await response.text() : await response.blob();
  if (!ok) throw new GatepassError("http", factsOf(response, raw));
  const data: unknown = isJson && raw ? JSON.parse(raw as string) : raw || null;
  return { data, status, headers, response, request };
}
