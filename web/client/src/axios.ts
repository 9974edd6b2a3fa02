/**
 * The session and the layers behind an Axios instance of the application.
 *
 *     attachAxios(instance, { session, layers: [retry()] });
 *
 * It wraps the adapter, the last step before the network. There a request has been through every interceptor and
 * transform exactly once, so a replay is the same request, and interceptors see one response per call. (Plugins that
 * call `instance(error.config)` run them twice and serialise the body a second time.) The token is set on a copy of the
 * configuration: `error.config` and `response.config`, which end up in logs, never hold it.
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

import { readBinary } from "./request/binary.js";
import { type Delivered, deliver, isStream, refusalOf, withToken } from "./request/deliver.js";
import type { Layer, LayerOptions } from "./request/layer.js";
import type { Session } from "./session/types.js";

declare module "axios" {
  interface AxiosRequestConfig extends Omit<LayerOptions, "timeout"> {}
}

/** A response, and the error if Axios made one of it. */
interface Settled {
  readonly response: AxiosResponse;
  readonly error?: unknown;
}

/** Options of layers for one request go into its configuration: `instance.get(url, { retry: false })`. */
export interface Attachment {
  /** Its token goes to the origin of the instance's `baseURL`; of an instance without one, to that of the session's. */
  readonly session: Session;
  /** Run inside all interceptors and around the session; the first is the outermost. */
  readonly layers?: readonly Layer[] | undefined;
}

/** The adapters made here: a configuration that is sent again (`instance(error.config)`) must not be wrapped twice. */
const wrapped = new WeakSet<AxiosAdapter>();

const plain = new Axios({});

/** Attaches a session. Returns a function that detaches it. Several instances may share one session. */
export function attachAxios(instance: AxiosInstance, attachment: Attachment): () => void {
  const id = instance.interceptors.request.use(
    (config) => {
      const { adapter } = config;
      if (wrapped.has(adapter as AxiosAdapter)) return config;
      // `getAdapter` gets the configuration, as in Axios: its `env` may name the fetch to use. An interceptor may have
      // made a configuration without an adapter: then the instance's is used.
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
    const home = new URL(instance.defaults.baseURL || attachment.session.origin, globalThis.location?.href);
    // Resolved against the page, as the browser does: an interceptor may have removed the base, then no token is sent.
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
    // If the caller aborted, Axios itself turns any error thrown here into a CanceledError.
    return deliver(attachment, request, async (call, trace) => {
      const isOwn = url.origin === home.origin && !headers.has("Authorization");
      const attempt = { ...config, signal: (call.signal ?? undefined) as AbortSignal };
      const send = (token?: string) => sendOnce(attempt, config, adapter, token);
      const { response, error } = await withToken(attachment.session, call, isOwn, trace, send);
      if (error) throw error;
      return response as AxiosResponse & { headers: AxiosHeaders & { get(name: string): string | null } };
    });
  }

  return () => instance.interceptors.request.eject(id);
}

/** The address that Axios will use. Asked of an instance without defaults, since merging them again takes time. */
function addressOf({ url, baseURL, params, paramsSerializer, allowAbsoluteUrls }: InternalAxiosRequestConfig): string {
  return plain.getUri({ url, baseURL, params, paramsSerializer, allowAbsoluteUrls } as AxiosRequestConfig);
}

/** Sends once. The response and the error refer to `config`, which has no token. */
async function sendOnce(
  attempt: InternalAxiosRequestConfig,
  config: InternalAxiosRequestConfig,
  adapter: AxiosAdapter,
  token: string | undefined,
): Promise<Delivered<Settled>> {
  const headers = new AxiosHeaders(config.headers);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  const bugs: unknown[] = [];
  /** The application's. Adapters call it from an event, where what it throws would leave the call unsettled for ever. */
  const validateStatus = (status: number) => {
    try {
      return attempt.validateStatus!(status);
    } catch (error) {
      return bugs.push(error) > 0;
    }
  };
  try {
    const judged = attempt.validateStatus ? { validateStatus } : {};
    const response = await adapter({ ...attempt, ...judged, headers });
    if (bugs.length) throw bugs[0];
    return await examine({ response }, config);
  } catch (error) {
    if (bugs.length) throw error;
    const failed = error as { config?: unknown; response?: AxiosResponse };
    failed.config = config;
    if (!failed.response) throw error;
    return examine({ response: failed.response, error }, config);
  }
}

/** Other adapters (mocks) may return plain headers; layers get AxiosHeaders. */
async function examine(settled: Settled, config: InternalAxiosRequestConfig): Promise<Delivered<Settled>> {
  const { response } = settled;
  const { status, data } = response;
  const headers = AxiosHeaders.from(response.headers as AxiosHeaders);
  Object.assign(response, { config, headers });
  const challenge = headers.get("WWW-Authenticate") as string | null;
  return [settled, status, status === 401 ? refusalOf(challenge, await readBinary(data)) : null];
}
