/**
 * Interceptors of the fetch client: functions of the application around each logical request.
 *
 *     request a → request b → layers, network → response b → response a
 *
 * They run in the order they were added for requests and in reverse for responses. Each runs once per request, however
 * often the layers and the session send it.
 */

import type { ClientRequest, ClientResponse } from "./types.js";

// biome-ignore lint/suspicious/noConfusingVoidType: the type of functions without a return
type Maybe<Value> = Value | undefined | void | Promise<Value | undefined | void>;

/** Modifies the request, or returns another. */
export type OnRequest = (request: ClientRequest) => Maybe<ClientRequest>;
/** Returns another response, or nothing. */
export type OnResponse = (response: ClientResponse) => Maybe<ClientResponse>;
/** Returns a response for the caller. If it returns nothing or throws, the request still fails. */
export type OnError = (error: unknown, request: ClientRequest) => Maybe<ClientResponse>;

/** If `when` returns false, the interceptor is skipped for this request. */
export interface When {
  readonly when?: ((request: ClientRequest) => boolean) | undefined;
}

/** Removes an interceptor. */
export interface Handle {
  eject(): void;
}

export interface Interceptors {
  readonly request: { use(onRequest: OnRequest, options?: When): Handle };
  readonly response: { use(onResponse?: OnResponse | null, onError?: OnError | null, options?: When): Handle };
}

/** The interceptors of one client, and a function that runs them around `send`. */
export function createInterceptors(): [
  Interceptors,
  (request: ClientRequest, send: (request: ClientRequest) => Promise<ClientResponse>) => Promise<ClientResponse>,
] {
  const requests = new Set<readonly [OnRequest, When]>();
  const responses = new Set<readonly [OnResponse | null | undefined, OnError | null | undefined, When]>();

  async function run(
    request: ClientRequest,
    send: (request: ClientRequest) => Promise<ClientResponse>,
  ): Promise<ClientResponse> {
    // A copy: interceptors added or ejected meanwhile affect the next request.
    const [out, back] = [[...requests], [...responses].reverse()];
    const isWanted = ({ when }: When) => !when || when(request);
    const outgoing = async () => {
      for (const [onRequest, options] of out) if (isWanted(options)) request = (await onRequest(request)) ?? request;
      return send(request);
    };
    let answer = outgoing();
    for (const [onResponse, onError, options] of back) {
      answer = answer.then(
        async (response) => (isWanted(options) && (await onResponse?.(response))) || response,
        async (error) => {
          const recovered = isWanted(options) && (await onError?.(error, request));
          if (recovered) return recovered;
          throw error;
        },
      );
    }
    return answer;
  }

  const interceptors: Interceptors = {
    request: { use: (onRequest, options = {}) => add(requests, [onRequest, options]) },
    response: { use: (onResponse, onError, options = {}) => add(responses, [onResponse, onError, options]) },
  };
  return [interceptors, run];
}

function add<Entry>(entries: Set<Entry>, entry: Entry): Handle {
  entries.add(entry);
  return { eject: () => void entries.delete(entry) };
}
