/**
 * The session, and the layers, behind a user's own Axios instance.
 *
 * It wraps the adapter, the last step before the network: there a request has been through every interceptor and
 * transform exactly once, so the replay is the very same request, and interceptors see one answer per call. (Plugins
 * that call `instance(error.config)` run them twice and serialise bodies a second time.) The token goes on a copy of
 * the configuration: `error.config` and `response.config`, which end up in logs, never hold it.
 */

import {
  Axios,
  type AxiosAdapter,
  AxiosHeaders,
  type AxiosInstance,
  type AxiosRequestConfig,
  type AxiosResponse,
  getAdapter,
  type InternalAxiosRequestConfig,
} from "axios";

import { type Delivered, deliver, isTokenRefused, withToken } from "./request/deliver.js";
import type { Layer, LayerOptions } from "./request/layer.js";
import { parse } from "./session/endpoints.js";
import type { Session } from "./session/types.js";

declare module "axios" {
  interface AxiosRequestConfig extends Omit<LayerOptions, "timeout"> {}
}

/** A response, or the error that Axios made of one. */
interface Settled {
  readonly response: AxiosResponse;
  readonly error?: unknown;
}

/** Layers find what was said to them for one request in its configuration: `instance.get(url, { retry: false })`. */
export interface Attachment {
  readonly session: Session;
  /** Around the session, the first outermost; inside all interceptors. */
  readonly layers?: readonly Layer[];
}

/** Adapters of ours: a configuration that is sent once more (`instance(error.config)`) is not wrapped once more. */
const wrapped = new WeakSet<AxiosAdapter>();

const plain = new Axios({});

/** Attach; returns what detaches again. Several instances may share one session. */
export function attachAxios(instance: AxiosInstance, attachment: Attachment): () => void {
  const id = instance.interceptors.request.use(
    (config) => {
      const { adapter } = config;
      if (wrapped.has(adapter as AxiosAdapter)) return config;
      // With the configuration, as Axios does: its `env` may name the fetch to use. Without an adapter where an
      // interceptor made a configuration of its own: then the instance's, as Axios falls back to its default.
      const chosen = adapter ?? instance.defaults.adapter;
      config.adapter = (prepared) => exchange(prepared, getAdapter(chosen, prepared));
      wrapped.add(config.adapter);
      return config;
    },
    null,
    { synchronous: true },
  );

  async function exchange(config: InternalAxiosRequestConfig, adapter: AxiosAdapter): Promise<AxiosResponse> {
    const { headers } = config;
    const home = new URL(instance.defaults.baseURL ?? "", globalThis.location?.href);
    // Relative to the page, as the browser takes it: an interceptor may have dropped the base, and the token with it.
    const url = new URL(addressOf(config), globalThis.location?.href ?? home);
    const signal = (config.signal as AbortSignal | undefined) ?? null;
    const request = {
      method: config.method!.toUpperCase(),
      url,
      headers: {
        get: (name: string) => (headers.get(name) as string | undefined) ?? null,
        set: (name: string, value: string) => void headers.set(name, value),
      },
      signal,
      isReplayable: !isStream(config.data),
      options: config as unknown as Record<string, unknown>,
    };
    // Where the caller has given up, Axios itself makes a CanceledError of whatever is thrown here.
    return deliver(attachment, request, async (call, trace) => {
      const isOwn = url.origin === home.origin && !headers.has("Authorization");
      const attempt = call.signal === signal ? config : { ...config, signal: call.signal! };
      const send = (token?: string) => sendOnce(attempt, config, adapter, token);
      const { response, error } = await withToken(attachment.session, call, isOwn, trace, send);
      if (error) throw error;
      return response as AxiosResponse & { headers: AxiosHeaders & { get(name: string): string | null } };
    });
  }

  return () => instance.interceptors.request.eject(id);
}

/** Where Axios will send it, by its own rules. Of an instance without defaults: merging them again takes its time. */
function addressOf({ url, baseURL, params, paramsSerializer, allowAbsoluteUrls }: InternalAxiosRequestConfig): string {
  return plain.getUri({ url, baseURL, params, paramsSerializer, allowAbsoluteUrls } as AxiosRequestConfig);
}

/** On the network once. What comes back refers to `config`, which has no token. */
async function sendOnce(
  attempt: InternalAxiosRequestConfig,
  config: InternalAxiosRequestConfig,
  adapter: AxiosAdapter,
  token: string | undefined,
): Promise<Delivered<Settled>> {
  const headers = new AxiosHeaders(config.headers);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  try {
    return examine({ response: await adapter({ ...attempt, headers }) }, config);
  } catch (error) {
    const failed = error as { config?: unknown; response?: AxiosResponse };
    failed.config = config;
    if (!failed.response) throw error;
    return examine({ response: failed.response, error }, config);
  }
}

/** Adapters of others (mocks) may answer with plain headers: layers get Axios' own. */
function examine(settled: Settled, config: InternalAxiosRequestConfig): Delivered<Settled> {
  const { response } = settled;
  const { status, data } = response;
  const headers = AxiosHeaders.from(response.headers as AxiosHeaders);
  Object.assign(response, { config, headers });
  const isRefused =
    status === 401 &&
    isTokenRefused(
      headers.get("WWW-Authenticate") as string | null,
      (typeof data === "string" ? parse(data) : data)?.code,
    );
  return [settled, status, isRefused];
}

/** Of the Web or of Node: sent once, it is empty. */
function isStream(data: unknown): boolean {
  return data instanceof ReadableStream || typeof (data as { pipe?: unknown } | null)?.pipe === "function";
}
