/**
 * The auth endpoints: one call, and what its answer means (the table of PROTOCOL §6).
 *
 * Only the server's own words end a session. Whatever is not understood (a proxy's page, half an answer, a status of
 * tomorrow) is `transient`: nothing is known, so everything is kept.
 */

import { GatepassError, type Problem, readRetryAfter, transportError } from "../errors.js";
import type { BrowserScope } from "./browser.js";
import type { State } from "./state-cookie.js";
import type { Account } from "./types.js";

/** An answer, read to its end. `problem` is its JSON, whatever that is of; `sentAt` is ms of `performance.now()`. */
export interface EndpointAnswer {
  readonly status: number;
  readonly problem: Problem | null;
  readonly retryAfterMs?: number | undefined;
  readonly sentAt: number;
}

/** What goes with a call. With a `body` it is JSON. */
export interface EndpointRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

/** One call; rejects with a GatepassError of kind `network` or `timeout`. */
export type EndpointCall = (path: string, request?: EndpointRequest) => Promise<EndpointAnswer>;

/** A new access token and what came with it. Times in ms; `expiresAt` on the clock of `performance.now()`. */
export interface Grant extends State {
  readonly token: string;
  readonly expiresAt: number;
  readonly lifetime: number;
  readonly account: Account | null;
}

/** What a refresh came to: a row of the table each, named by its problem code. */
export interface Outcome {
  readonly kind: "ok" | "session-ended" | "no-session" | "refresh-superseded" | "session-mismatch" | "transient";
  readonly grant?: Grant | null;
  /** The answer as an error: it knows the facts. */
  readonly error?: GatepassError;
}

/** The codes that mean something, under the status that they come with. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  "session-ended": 401,
  "no-session": 401,
  "refresh-superseded": 409,
  "session-mismatch": 409,
};

/** A header that no form can send: every cross-origin attempt needs a preflight (PROTOCOL §6). */
export const CLIENT_HEADER: Record<string, string> = { "Gatepass-Client": "1" };

/** Calls endpoints below `base`; each is aborted after `timeout` ms, reading included. */
export function createEndpointCall(
  scope: BrowserScope,
  base: string,
  options: { fetch: typeof fetch | undefined; timeout: number },
): EndpointCall {
  return async (path, { method = "POST", headers = CLIENT_HEADER, body } = {}) => {
    const send = options.fetch ?? scope.fetch;
    const signal = AbortSignal.timeout(options.timeout);
    const sentAt = scope.performance.now();
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

/** The row of the table for the answer to a refresh of `sid`. */
export function outcomeOf(answer: EndpointAnswer, sid: string): Outcome {
  const { status, problem } = answer;
  const grant = readGrant(answer);
  const error = new GatepassError("http", answer);
  if (grant) return { kind: grant.sid === sid ? "ok" : "session-mismatch", grant, error };
  const code = problem?.code ?? "";
  // Only what names this very session ends it (PROTOCOL §5): not another's end, not one that does not say whose.
  const isOwn = code !== "session-ended" || problem?.sid === sid;
  return { kind: isOwn && STATUS_OF_CODE[code] === status ? (code as Outcome["kind"]) : "transient", grant, error };
}

/** What a successful sign-in or refresh hands out; null for any other answer. */
export function readGrant({ status, problem: body, sentAt }: EndpointAnswer): Grant | null {
  const generation = readGeneration(body);
  const { access_token: token, session_id: sid, expires_in: seconds, account } = body ?? {};
  if (status > 201 || generation === null || typeof token !== "string" || typeof sid !== "string") return null;
  const lifetime = Number(seconds) * 1_000;
  // Counted from the request, not the answer: a slow answer must not make its token look young.
  const grant = { sid, generation, token, lifetime, expiresAt: sentAt + lifetime, account: readAccount(account) };
  return lifetime > 0 ? grant : null;
}

/** An account, or null for anything else. */
export function readAccount(value: unknown): Account | null {
  return typeof (value as Account | null)?.email === "string" ? (value as Account) : null;
}

/** What an error needs to know of a response. */
export function factsOf({ status, headers }: Response, text: unknown): Omit<EndpointAnswer, "sentAt"> {
  return {
    status,
    problem: parse(text),
    retryAfterMs: readRetryAfter(headers.get("Retry-After"), headers.get("Date")),
  };
}

/** JSON that is an object; null for all else. */
export function parse(text: unknown): Problem | null {
  try {
    const value: unknown = JSON.parse(text as string);
    return value && typeof value === "object" ? (value as Problem) : null;
  } catch {
    return null;
  }
}

/** The generation that an answer names. */
export function readGeneration(body: Problem | null | undefined): number | null {
  const value = body?.refresh_generation as number;
  return value >= 0 && Number.isSafeInteger(value) ? value : null;
}
