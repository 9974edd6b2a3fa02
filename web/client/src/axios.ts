/**
 * The session behind a user's own Axios instance.
 *
 * It wraps the adapter, the last step before the network: there a request has been through every interceptor and
 * transform exactly once, so the replay is the very same request, and interceptors see one answer per call. (Plugins
 * that call `instance(error.config)` run them twice and serialise bodies a second time.) The token goes on a copy of
 * the configuration: `error.config` and `response.config`, which end up in logs, never hold it.
 */

import {
  type AxiosAdapter,
  AxiosHeaders,
  type AxiosInstance,
  type AxiosResponse,
  CanceledError,
  getAdapter,
  type InternalAxiosRequestConfig,
} from "axios";

import { carry } from "./carry.js";
import { GatepassError } from "./errors.js";
import type { Session } from "./types.js";
import { parse } from "./wire.js";

/** A response, or the error that Axios made of one. */
interface Settled {
  readonly response: AxiosResponse;
  readonly error?: unknown;
}

/** Attach; returns what detaches again. Several instances may share one session. */
export function attachAxios(instance: AxiosInstance, { session }: { session: Session }): () => void {
  const id = instance.interceptors.request.use(
    (config) => {
      const adapter = getAdapter(config.adapter!);
      config.adapter = (prepared) => deliver(prepared, adapter);
      return config;
    },
    null,
    { synchronous: true },
  );

  async function deliver(config: InternalAxiosRequestConfig, adapter: AxiosAdapter): Promise<AxiosResponse> {
    const home = new URL(instance.defaults.baseURL ?? "", globalThis.location?.href);
    const { href, origin } = new URL(instance.getUri(config), home);
    const signal = config.signal as AbortSignal | undefined;
    try {
      const { response, error } = await carry<Settled>(session, {
        method: config.method ?? "get",
        url: href,
        isOwn: origin === home.origin && !config.headers.has("Authorization"),
        isReplayable: !isStream(config.data),
        signal,
        send: (token) => attempt(config, adapter, token),
        statusOf: (settled) => settled.response.status,
        challengeOf: async (settled) => {
          const { headers, data } = settled.response;
          return [
            AxiosHeaders.from(headers as AxiosHeaders).get("WWW-Authenticate") as string | null,
            (typeof data === "string" ? parse(data) : data)?.code,
          ];
        },
      });
      if (error) throw error;
      return response;
    } catch (error) {
      if (error instanceof GatepassError && signal?.aborted) throw new CanceledError(undefined, config);
      throw error;
    }
  }

  return () => instance.interceptors.request.eject(id);
}

/** On the network once. What comes back refers to the configuration without the token. */
async function attempt(
  config: InternalAxiosRequestConfig,
  adapter: AxiosAdapter,
  token: string | undefined,
): Promise<Settled> {
  const headers = config.headers.concat(token ? { Authorization: `Bearer ${token}` } : {});
  try {
    const response = await adapter({ ...config, headers });
    response.config = config;
    return { response };
  } catch (error) {
    const failed = error as { config?: unknown; response?: AxiosResponse };
    failed.config = config;
    if (!failed.response) throw error;
    failed.response.config = config;
    return { response: failed.response, error };
  }
}

/** Of the Web or of Node: sent once, it is empty. */
function isStream(data: unknown): boolean {
  return data instanceof ReadableStream || typeof (data as { pipe?: unknown } | null)?.pipe === "function";
}
