/**
 * Interceptors of the fetch client: functions of the application around each logical request.
 *
 *     request a → request b → layers, network → response b → response a
 *
 * In the order they were added on the way out, in reverse on the way back, so that each pair is an onion's skin. Each
 * runs once, however often layers and session send the request.
 */

import type { ClientRequest, ClientResponse } from "./types.js";

// biome-ignore lint/suspicious/noConfusingVoidType: it is what functions without a return are of
type Maybe<Value> = Value | undefined | void | Promise<Value | undefined | void>;

/** Changes the request, or returns another one. */
export type OnRequest = (request: ClientRequest) => Maybe<ClientRequest>;
/** Returns another response, or nothing. */
export type OnResponse = (response: ClientResponse) => Maybe<ClientResponse>;
/** Returns what the caller gets after all. If it throws or returns nothing, the failure goes on. */
export type OnError = (error: unknown, request: ClientRequest) => Maybe<ClientResponse>;

/** `when` false: this request passes the interceptor by. */
export interface When {
  readonly when?: (request: ClientRequest) => boolean;
}

/** Takes an interceptor out again. */
export interface Handle {
  eject(): void;
}

export interface Interceptors {
  readonly request: { use(onRequest: OnRequest, options?: When): Handle };
  readonly response: { use(onResponse?: OnResponse | null, onError?: OnError | null, options?: When): Handle };
}

/** Those of one client, and what runs them around `send`. */
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
    // As they are now: what is added or ejected meanwhile counts from the next request on.
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
