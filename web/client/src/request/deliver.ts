/**
 * Delivers one logical request, after the interceptors, until its final response.
 *
 *     start → layers → (token) → sent → … → end
 *                                    ↘ 401 for the token: waiting → replay → …   (again if the claims changed meanwhile)
 *
 * Used by both clients; independent of fetch and Axios.
 */

import { GatepassError, isGatepassError } from "../errors.js";
import { parse } from "../session/endpoints.js";
import type { Session, Trace } from "../session/types.js";
import { type Answer, type Call, type Layer, wrap } from "./layer.js";

/** Passes a request through the layers to `send`. Reports `start` and `end` once, however often layers send it. */
export async function deliver<A extends Answer>(
  { session, layers = [] }: { session: Session; layers?: readonly Layer[] | undefined },
  request: Omit<Call, "id" | "attempt">,
  send: (call: Call, trace: Trace) => Promise<A>,
): Promise<A> {
  const { method, url } = request;
  const trace = session.trace(method, url);
  let status: number | undefined;
  trace("start");
  try {
    const answer = await wrap(layers, (call) => send(call, trace))({ ...request, id: trace.id, attempt: 1 });
    status = answer.status;
    return answer;
  } catch (error) {
    const { status: own, response } = Object(error) as { status?: number; response?: Answer };
    // In older versions of Axios only the response has the status.
    status = own ?? response?.status;
    if (isGatepassError(error)) Object.assign(error, { method, url: url.origin + url.pathname });
    throw error;
  } finally {
    trace("end", status);
  }
}

/**
 * How a 401 refuses our token; null for one that is for the application. `claims-changed`: a token of any age, since
 * the claims of the account have changed since it was issued (PROTOCOL §7).
 */
export type Refusal = "invalid" | "claims-changed" | null;

/** The result of one sending: the response, its status, and how it refuses the token. */
export type Delivered<Raw> = readonly [raw: Raw, status: number, refusal: Refusal];

/**
 * Sends with the session's token. If it is refused, refreshes it and sends once more; the second response is final, but
 * for claims that changed while the newer token was being made.
 * `isOwn`: the request goes to the origin of the client and has no Authorization header of the caller. Other requests
 * get no token.
 */
export async function withToken<Raw>(
  session: Session,
  { signal, isReplayable }: Call,
  isOwn: boolean,
  trace: Trace,
  send: (token?: string) => Promise<Delivered<Raw>>,
): Promise<Raw> {
  let token = isOwn ? await session.token(undefined, signal) : null;
  trace("sent");
  let [answer, status, refusal] = await send(token?.value);
  for (let replays = 0; token && refusal && replays < 2; replays++) {
    const hasChanged = refusal === "claims-changed";
    if (replays && !hasChanged) break;
    trace("waiting");
    token = await session.token(token.serial, signal, hasChanged);
    if (!token) break;
    // A stream that has been consumed would be sent as an empty body.
    if (!isReplayable) throw new GatepassError("not-replayable", { status });
    // Adapters of Axios for Node send also what was given up.
    signal?.throwIfAborted();
    trace("replay");
    [answer, status, refusal] = await send(token.value);
  }
  return answer;
}

/**
 * How a 401 to our token refuses it. Any other 401 (a wrong password, another scheme) is for the application.
 *
 * Another origin shows only what it exposes. If there is no challenge and nothing of the body can be read (HEAD, a
 * stream), the 401 is taken for one about the token: it costs one refresh, and the second response is final.
 */
export function refusalOf(challenge: string | null | undefined, body: unknown): Refusal {
  const changed = "claims-changed";
  if (/\bBearer\b.*\berror="?invalid_token/i.test(challenge ?? ""))
    return challenge!.includes(changed) ? changed : "invalid";
  if (isStream(body) || body == null || body === "") return challenge == null ? "invalid" : null;
  const { code, reason } = ((typeof body === "string" ? parse(body) : body) ?? {}) as {
    code?: unknown;
    reason?: unknown;
  };
  if (code !== "invalid-token" && code !== "token-required") return null;
  return reason === changed ? changed : "invalid";
}

/** Whether it is a stream, of the Web or of Node, or a generator, which Node sends too: none can be sent twice. */
export function isStream(data: unknown): boolean {
  const one = Object(data);
  return typeof (one.getReader ?? one.pipe ?? one[Symbol.asyncIterator]) === "function";
}
