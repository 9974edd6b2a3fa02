/**
 * Calls the auth endpoints and interprets their responses (the table of PROTOCOL §6).
 *
 * Only an explicit response of the server ends a session. Any other response (a proxy's page, a truncated body, an
 * unknown status) is `transient`: everything is kept.
 */

import { GatepassError, type Problem, readRetryAfter, transportError } from "../errors.js";
import type { BrowserScope } from "./browser.js";
import type { State } from "./state-cookie.js";
import type { Account, EndpointAnswer } from "./types.js";

/** Options of a call. `body` is sent as JSON. */
export interface EndpointRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

/** Makes one call. Rejects with a GatepassError of kind `network` or `timeout`. */
export type EndpointCall = (path: string, request?: EndpointRequest) => Promise<EndpointAnswer>;

/** A new access token, and the state of the refresh token with it. Times in ms; `expiresAt` by the clock of the session. */
export interface Grant extends State {
  readonly token: string;
  readonly expiresAt: number;
  readonly lifetime: number;
  readonly account: Account | null;
}

/** The outcome of a refresh call: one row of the table, named by its problem code. */
export interface Outcome {
  readonly kind:
    | "ok"
    | "session-ended"
    | "proof-required"
    | "no-session"
    | "refresh-superseded"
    | "session-mismatch"
    | "transient";
  readonly grant?: Grant | null;
  /** The response as an error, with its facts. */
  readonly error?: GatepassError;
}

/** The problem codes of the table, each with its status. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  "session-ended": 401,
  "proof-required": 403,
  "no-session": 401,
  "refresh-superseded": 409,
  "session-mismatch": 409,
};

/** A challenge of no token: sent where storage has lost the right one, which the server answers with. */
export const NOTHING = "AAAAAAAAAAA";

/** A header that no form can send, so that every cross-origin request needs a preflight (PROTOCOL §6). */
export const CLIENT_HEADER: Record<string, string> = { "Gatepass-Client": "1" };

/** The Authorization header for an access token. */
export function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

/** Creates the function that calls endpoints below `base`. A call is aborted after `timeout` ms, including its body. */
export function createEndpointCall(
  scope: BrowserScope,
  base: string,
  options: { fetch: typeof fetch | undefined; timeout: number; now: () => number },
): EndpointCall {
  return async (path, { method = "POST", headers = CLIENT_HEADER, body } = {}) => {
    const send = options.fetch ?? scope.fetch;
    const signal = AbortSignal.timeout(options.timeout);
    const sentAt = options.now();
    try {
      const response = await send(base + path, {
        method,
        headers: body ? { "Content-Type": "application/json", ...headers } : headers,
        body: body ? JSON.stringify(body) : null,
        credentials: "include",
        redirect: "error",
        signal,
      });
      return { ...factsOf(response, await response.text()), sentAt };
    } catch (cause) {
      throw transportError(signal, cause);
    }
  };
}

/**
 * Asks of which session the refresh cookie is, by a proof of nothing, which changes nothing (PROTOCOL §5): `no-session`, or
 * an error whose problem names it.
 */
export async function askWhose(call: EndpointCall): Promise<Outcome> {
  return outcomeOf(await call("/refresh", { headers: { "Gatepass-Proof": `0.${NOTHING}.${NOTHING}${NOTHING}` } }), "");
}

/** The row of the table for the response to a refresh of `sid`. */
export function outcomeOf(answer: EndpointAnswer, sid: string): Outcome {
  const { status, problem } = answer;
  const grant = readGrant(answer);
  const error = new GatepassError("http", answer);
  if (grant) return { kind: grant.sid === sid ? "ok" : "session-mismatch", grant, error };
  let code = problem?.code ?? "";
  // Only a response that names this session ends it (PROTOCOL §5). One that names none: the cookie is no token at all.
  if (code === "session-ended" && problem!.sid !== sid) code = problem!.sid ? "" : "no-session";
  return { kind: STATUS_OF_CODE[code] === status ? (code as Outcome["kind"]) : "transient", grant, error };
}

/** The tokens of a successful sign-in or refresh; null for any other response. */
export function readGrant({ status, problem: body, sentAt }: EndpointAnswer): Grant | null {
  const mark = readMark(body);
  const { access_token: token, session_id: sid, expires_in: seconds, account } = body ?? {};
  if (status > 201 || !mark || typeof token !== "string" || typeof sid !== "string") return null;
  const lifetime = Number(seconds) * 1_000;
  // Counted from the request: a slow response must not make its token seem younger.
  const grant = { sid, ...mark, token, lifetime, expiresAt: sentAt + lifetime, account: readAccount(account) };
  return lifetime > 0 ? grant : null;
}

/** The session that an access token is of; undefined if it is none. */
export function sidOf(token: string): unknown {
  try {
    return parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")))?.sid;
  } catch {
    return undefined;
  }
}

/** The value as an account; null if it is none. */
export function readAccount(value: unknown): Account | null {
  return typeof (value as Account | null)?.email === "string" ? (value as Account) : null;
}

/** The facts of a response that an error needs. */
export function factsOf({ status, headers }: Response, text: unknown): Omit<EndpointAnswer, "sentAt"> {
  return {
    status,
    problem: parse(text),
    retryAfterMs: readRetryAfter(headers.get("Retry-After"), headers.get("Date")),
  };
}

/** Parses a JSON object; null for anything else. */
export function parse(text: unknown): Problem | null {
  try {
    const value: unknown = JSON.parse(text as string);
    return value && typeof value === "object" ? (value as Problem) : null;
  } catch {
    return null;
  }
}

/** The refresh token that a response names, but for its session; null if none. */
export function readMark(body: Problem | null | undefined): Omit<State, "sid"> | null {
  const { refresh_generation: generation, refresh_challenge: challenge } = body ?? {};
  const isMark = Number.isSafeInteger(generation) && (generation as number) >= 0 && typeof challenge === "string";
  return isMark ? { generation: generation as number, challenge } : null;
}
