/**
 * What may be told of a request: no query, no user of a URL, no header, no body, and no token wherever it stands.
 *
 * Each layer that tells somebody (logs, Sentry, OpenTelemetry) is made of `observe`, so that there is one place that
 * decides what leaves the page.
 */

import { type Failure, failureOf } from "../errors.js";
import type { Answer, Call } from "./layer.js";

/** Makes a path fit for counting: "/orders/7" → "/orders/:id". Gets the path without its query. */
export type Route = (path: string) => string;

/** One request: sent again (`retry`), or over (`request`). Times in ms. */
export interface RequestFact {
  readonly type: "request" | "retry";
  /** That of the session's events. */
  readonly id: number;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly status: number | undefined;
  /** `ok`, or the kind of the failure. */
  readonly outcome: "ok" | Failure["kind"];
  /** Since its start. */
  readonly ms: number;
  /** So far. */
  readonly attempts: number;
  /** Between attempts, of `ms`. */
  readonly wait: number;
}

/** What is told of an outcome. */
interface Told {
  readonly kind: RequestFact["outcome"];
  readonly status: number | undefined;
}

/** Tokens of ours (`gp_rt_…`), JWTs, and what follows `Bearer`. */
const SECRETS = /\b(gp_[a-z]+_|eyJ|Bearer\s+)[\w.~+/=-]+/gi;

/** The text without tokens. */
export function redact(text: string): string {
  return text.replace(SECRETS, "[redacted]");
}

/** Parts of a path that are numbers, UUIDs, or of eight characters or more and have a digit, become `:id`. */
export const withoutIds: Route = (path) => path.replace(/\/(\d+|(?=[^/]*\d)[^/]{8,})(?=\/|$)/g, "/:id");

/** Sends it on, and tells of each further attempt and of the end; what a listener throws harms no request. */
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

  const report = (type: RequestFact["type"], { kind: outcome, status }: Told) => {
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
