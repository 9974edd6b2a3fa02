/**
 * The auth endpoints: one call, and what its answer means (the table of PROTOCOL §6).
 *
 * Only the server's own words end a session. Whatever is not understood (a proxy's page, half an answer, a status of
 * tomorrow) is `transient`: nothing is known, so everything is kept.
 */

import { GatepassError, type Problem } from "./errors.js";
import type { Scope } from "./scope.js";
import type { State } from "./state.js";
import type { Account, EndReason } from "./types.js";

/** An answer, read to its end. `body` is null where there was no JSON; `sentAt` is ms of `performance.now()`. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> | null;
  readonly retryAfter: string | null;
  readonly sentAt: number;
}

/** What goes with a call. With a `body` it is JSON. */
export interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

/** One call; rejects with a GatepassError of kind `network` or `timeout`. */
export type Call = (path: string, sent?: Sent) => Promise<Answer>;

/** A new access token and what came with it. Times in ms; `expiresAt` on the clock of `performance.now()`. */
export interface Grant extends State {
  readonly token: string;
  readonly expiresAt: number;
  readonly lifetime: number;
  readonly account: Account | null;
}

/** What a refresh came to: one row of the table each. */
export type Outcome =
  | { readonly kind: "ok"; readonly grant: Grant }
  | { readonly kind: "ended"; readonly sid: string; readonly reason: EndReason }
  | { readonly kind: "superseded"; readonly generation: number | null }
  | { readonly kind: "no-session" | "mismatch" }
  | { readonly kind: "transient"; readonly cause: unknown; readonly retryAfterMs?: number | undefined };

/** A header that no form can send: every cross-origin attempt needs a preflight (PROTOCOL §6). */
export const CLIENT: Record<string, string> = { "Gatepass-Client": "1" };

const REASONS: readonly unknown[] = ["expired", "revoked", "replaced", "reused", "unknown"];
const LONGEST_WAIT = 3_600_000;

/** Calls endpoints below `base`; each is aborted after `timeout` ms, reading included. */
export function createCall(scope: Scope, base: string, options: { fetch: typeof fetch | undefined; timeout: number }): Call {
  return async (path, { method = "POST", headers = CLIENT, body } = {}) => {
    const send = options.fetch ?? scope.fetch;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), options.timeout);
    const sentAt = scope.performance.now();
    try {
      const response = await send(base + path, {
        method,
        headers: body ? { "Content-Type": "application/json", ...headers } : headers,
        body: body ? JSON.stringify(body) : null,
        credentials: "include",
        redirect: "error",
        signal: abort.signal,
      });
      const text = await response.text();
      return { status: response.status, body: parse(text), retryAfter: response.headers.get("Retry-After"), sentAt };
    } catch (cause) {
      throw new GatepassError(abort.signal.aborted ? "timeout" : "network", { cause });
    } finally {
      clearTimeout(timer);
    }
  };
}

/** The row of the table for the answer to a refresh of `sid`. */
export function outcomeOf(answer: Answer, sid: string): Outcome {
  const { status, body } = answer;
  const grant = readGrant(answer);
  if (grant) return grant.sid === sid ? { kind: "ok", grant } : { kind: "mismatch" };
  switch (`${status} ${body?.code}`) {
    case "401 session-ended":
      // Unnamed: what was presented cannot be read, so it never can be. Named otherwise: none of our business.
      if ((body?.sid ?? sid) !== sid) break;
      return { kind: "ended", sid, reason: REASONS.includes(body?.reason) ? (body?.reason as EndReason) : "unknown" };
    case "401 no-session":
      return { kind: "no-session" };
    case "409 refresh-superseded":
      return { kind: "superseded", generation: readGeneration(body) };
    case "409 session-mismatch":
      return { kind: "mismatch" };
  }
  const cause = errorOf(answer);
  return { kind: "transient", cause, retryAfterMs: cause.retryAfterMs };
}

/** What a successful sign-in or refresh hands out; null for any other answer. */
export function readGrant({ status, body, sentAt }: Answer): Grant | null {
  const generation = readGeneration(body);
  const { access_token: token, session_id: sid, expires_in: seconds } = body ?? {};
  if (status > 201 || !token || typeof token !== "string" || typeof sid !== "string") return null;
  if (generation === null || typeof seconds !== "number" || !(seconds > 0)) return null;
  const lifetime = seconds * 1_000;
  // Counted from the request, not the answer: a slow answer must not make its token look young.
  return { sid, generation, token, lifetime, expiresAt: sentAt + lifetime, account: readAccount(body?.account) };
}

/** An account, or null for anything else. */
export function readAccount(value: unknown): Account | null {
  const { id, email, created_at } = (value ?? {}) as Record<string, unknown>;
  if (typeof id !== "string" || typeof email !== "string" || typeof created_at !== "number") return null;
  return { id, email, created_at };
}

/** An answer that is no success, as an error. */
export function errorOf({ status, body, retryAfter }: Answer): GatepassError {
  return new GatepassError("http", { status, problem: (body as Problem) ?? undefined, retryAfterMs: wait(retryAfter) });
}

/** Retry-After in either of its forms (RFC 9110 §10.2.3) as ms from now; at most an hour is believed. */
export function wait(retryAfter: string | null): number | undefined {
  if (!retryAfter) return undefined;
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - Date.now();
  return ms >= 0 ? Math.min(ms, LONGEST_WAIT) : undefined;
}

/** JSON that is an object; null for all else. */
export function parse(text: unknown): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text as string);
    return value && typeof value === "object" ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function readGeneration(body: Answer["body"]): number | null {
  const value = body?.refresh_generation;
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null;
}
