/** A request of the fetch client and its response, as callers and interceptors see them. */

import type { LayerOptions } from "./layer.js";

type Scalar = string | number | boolean | null | undefined;

/** One request. Members of `RequestInit` are passed to fetch unchanged, options of layers to the layers. */
export interface ClientRequest extends Omit<RequestInit, "method" | "headers" | "body" | "signal">, LayerOptions {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  /**
   * An object or an array is sent as JSON; what fetch itself takes (a text, a form, a Blob, bytes, a stream, in Node also an
   * asynchronous generator), as it is.
   */
  readonly body?: unknown;
  /** Appended to the address. A list repeats its name; null and undefined are omitted. */
  readonly query?: Readonly<Record<string, Scalar | readonly Scalar[]>> | undefined;
  readonly signal?: AbortSignal | null | undefined;
  /** How the body is read; `stream` does not read it. Default: by its media type. */
  readonly responseType?: "json" | "text" | "blob" | "arrayBuffer" | "formData" | "stream" | undefined;
  /** False: a response of any status resolves. */
  readonly throwHttpErrors?: boolean | undefined;
}

/** A request as a caller gives it. */
export type ClientOptions = Partial<Omit<ClientRequest, "headers">> & { readonly headers?: HeadersInit | undefined };

/** A successful response. `data` is parsed JSON, text, or a Blob, by its media type; null if empty. */
export interface ClientResponse<Data = unknown> {
  readonly data: Data;
  readonly status: number;
  readonly headers: Headers;
  readonly response: Response;
  readonly request: ClientRequest;
}

/** Which request an error is about: a GatepassError has these fields itself, an AxiosError has them in `config`. */
export interface FailedRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly baseURL?: string | undefined;
  readonly config?: FailedRequest | undefined;
}
