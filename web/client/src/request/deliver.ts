/**
 * One logical request, from what interceptors made of it to its final answer.
 *
 *     start → layers → (token) → sent → … → end
 *                                    ↘ 401 for the token: waiting → replay → …
 *
 * Shared by the bindings; knows neither fetch nor Axios.
 */

import { GatepassError, isGatepassError } from "../errors.js";
import type { Session, Trace } from "../session/types.js";
import { type Answer, type Call, type Layer, wrap } from "./layer.js";

/** Lead it through the layers; `send` sends it on. Start and end are told once, whatever the layers do in between. */
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
    // Older versions of Axios say it in the response alone.
    status = own ?? response?.status;
    if (isGatepassError(error)) Object.assign(error, { method, url: url.origin + url.pathname });
    throw error;
  } finally {
    trace("end", status);
  }
}

/** What came back, its status, and whether it refuses the token. */
export type Delivered<Raw> = readonly [raw: Raw, status: number, isRefused: boolean];

/**
 * Send it with the session's token, and if that was refused, refresh and send once more: the answer to this second
 * sending is final, whatever it is. `isOwn`: it goes to the binding's own origin and bears no token of the caller's;
 * others get none.
 */
export async function withToken<Raw>(
  session: Session,
  { signal, isReplayable }: Call,
  isOwn: boolean,
  trace: Trace,
  send: (token?: string) => Promise<Delivered<Raw>>,
): Promise<Raw> {
  const token = isOwn ? await session.token(undefined, signal) : null;
  trace("sent");
  const [answer, status, isRefused] = await send(token?.value);
  if (!token || !isRefused) return answer;
  trace("waiting");
  const next = await session.token(token.serial, signal);
  if (!next) return answer;
  // A used-up stream would go out as an empty body.
  if (!isReplayable) throw new GatepassError("not-replayable", { status });
  trace("replay");
  return (await send(next.value))[0];
}

/** Other 401s (a wrong password, another scheme) are the application's own affair. */
export function isTokenRefused(challenge: string | null | undefined, code: unknown): boolean {
  return (
    code === "invalid-token" ||
    code === "token-required" ||
    /\bBearer\b.*\berror="?invalid_token/i.test(challenge ?? "")
  );
}
