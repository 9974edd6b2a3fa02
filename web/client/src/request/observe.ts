/**
 * What may be reported of a request: no query, no user info of a URL, no header, no body, and no token anywhere.
 *
 * Each layer that reports (logs, Sentry, OpenTelemetry) is built on `observe`: one place decides what leaves the page.
 */

import { type Failure, failureOf } from "../errors.js";
import type { Answer, Call } from "./layer.js";

/** Groups paths for counting: "/orders/7" → "/orders/:id". Gets the path without its query. */
export type Route = (path: string) => string;

/** One request that is about to be retried (`retry`) or has ended (`request`). Times in ms. */
export interface RequestFact {
  readonly type: "request" | "retry";
  /** The same as in the events of the session. */
  readonly id: number;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly status: number | undefined;
  /** `ok`, or the kind of the failure. */
  readonly outcome: "ok" | Failure["kind"];
  /** Time since its start. */
  readonly ms: number;
  /** Number of attempts so far. */
  readonly attempts: number;
  /** Time spent waiting between attempts; part of `ms`. */
  readonly wait: number;
}

interface Result {
  readonly kind: RequestFact["outcome"];
  readonly status: number | undefined;
}

/** Matches tokens of Gatepass (`gp_rt_…`), JWTs, and the text after `Bearer`. */
const SECRETS = /\b(gp_[a-z]+_|eyJ|Bearer\s+)[\w.~+/=-]+/gi;

/** Returns the text without tokens. */
export function redact(text: string): string {
  return text.replace(SECRETS, "[redacted]");
}

/** Replaces by `:id` each part of a path that is a number, or has at least eight characters and a digit (UUIDs). */
export const withoutIds: Route = (path) => path.replace(/\/(\d+|(?=[^/]*\d)[^/]{8,})(?=\/|$)/g, "/:id");

/** Calls `next`, and `emit` for each further attempt and at the end. An error of `emit` does not fail the request. */
export async function observe<A extends Answer>(
  call: Call,
  next: (call: Call) => Promise<A>,
  emit: (fact: RequestFact) => void,
  route: Route = String,
): Promise<A> {
  const { id, method, url } = call;
  const startedAt = performance.now();
  let attempts = 1;
  let wait = 0;

  const report = (type: RequestFact["type"], { kind: outcome, status }: Result) => {
    const ms = performance.now() - startedAt;
    const fact = { type, id, method, host: url.host, status, outcome, ms, attempts, wait };
    queueMicrotask(() => emit({ ...fact, path: redact(route(url.pathname)) }));
  };
  const onRetry: Call["onRetry"] = (notice) => {
    report("retry", notice.failure);
    wait += notice.wait;
    attempts++;
    call.onRetry?.(notice);
  };

  try {
    const answer = await next({ ...call, onRetry });
    const { status } = answer;
    report("request", { kind: status < 400 ? "ok" : "http", status });
    return answer;
  } catch (error) {
    report("request", failureOf(error));
    throw error;
  }
}
