/** A request of the fetch client and its response, as callers and interceptors see them. */

import type { LayerOptions } from "./layer.js";

type Scalar = string | number | boolean | null | undefined;

/** One request. What `RequestInit` has goes to fetch as it is, what layers understand goes to them. */
export interface ClientRequest extends Omit<RequestInit, "method" | "headers" | "body" | "signal">, LayerOptions {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  /** A plain object or array goes as JSON. */
  readonly body?: unknown;
  /** Appended to the address; a list repeats its name, null and undefined are left out. */
  readonly query?: Readonly<Record<string, Scalar | readonly Scalar[]>>;
  readonly signal?: AbortSignal | null;
  /** How the body is read; `stream` leaves that to you. Default: by its media type. */
  readonly responseType?: "json" | "text" | "blob" | "arrayBuffer" | "formData" | "stream";
  /** False: an answer of any status resolves. */
  readonly throwHttpErrors?: boolean;
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

/** Which request an error is about: a GatepassError has these fields itself, an AxiosError has them in `config`. */
export interface FailedRequest {
  readonly method?: string;
  readonly url?: string;
  readonly baseURL?: string;
  readonly config?: FailedRequest;
}
