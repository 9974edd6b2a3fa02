/**
 * Reports requests and sessions to Sentry: a breadcrumb for each request and retry, and the id of the user. `scrub`
 * removes secrets from what Sentry gathers by itself, and groups errors by the request that failed.
 *
 *     Sentry.init({ dsn, beforeSend: scrub, beforeSendSpan: scrub, beforeBreadcrumb: scrub });
 *     createClient({ baseURL: "/api", session, layers: [sentryLayer(Sentry, { session }), retry()] });
 *
 * It takes the Sentry object of the application (browser, React, Vue …) and imports none.
 */

import { failureOf } from "./errors.js";
import type { Layer } from "./request/layer.js";
import { observe, type Route, redact, withoutIds } from "./request/observe.js";
import type { FailedRequest } from "./request/types.js";
import type { Session } from "./session/types.js";

/** The part of Sentry that is used. */
export interface SentryLike {
  addBreadcrumb(breadcrumb: {
    category: string;
    type?: string;
    level: "info" | "warning" | "error";
    data: Record<string, unknown>;
  }): void;
  setUser(user: { id: string } | null): void;
}

export interface SentryLayerOptions {
  /** Its account becomes the user; its refreshes and changes of status become breadcrumbs. */
  readonly session?: Session | undefined;
  /** How paths are shown. Default: unchanged. */
  readonly route?: Route | undefined;
}

/** The layer. Put it before `retry()`. */
export function sentryLayer(Sentry: SentryLike, { session, route }: SentryLayerOptions = {}): Layer {
  let user: string | undefined;
  const identify = () => {
    const id = session?.getSnapshot().account?.id;
    if (id !== user) Sentry.setUser(id ? { id } : null);
    user = id;
  };
  identify();
  session?.subscribe(identify);
  session?.on("*", (event) => {
    if (event.type === "request") return;
    Sentry.addBreadcrumb({ category: "gatepass.session", level: "info", data: { ...event } });
  });
  return (call, next) =>
    observe(
      call,
      next,
      (fact) => {
        const { status = 500, outcome } = fact;
        const level = /^(ok|aborted)$/.test(outcome) ? "info" : status < 500 ? "warning" : "error";
        Sentry.addBreadcrumb({ category: "gatepass.call", type: "http", level, data: { ...fact } });
      },
      route,
    );
}

const SECRET_NAMES = /authorization|cookie|password|token|secret|-key|(query|_string|fragment|body)$/i;
/** Matches queries and fragments of addresses, also inside a sentence. */
const QUERIES = /((?:^|[\s"'(])(?:\w+:\/)?\/[^\s?#"')]*)[?#][^\s"')]*/g;

/**
 * For `beforeSend`, `beforeSendSpan` and `beforeBreadcrumb`: removes queries, cookies, tokens and bodies, and groups
 * errors of requests by kind, status and route.
 */
export function scrub<Event extends object>(event: Event, hint?: { readonly originalException?: unknown }): Event {
  const error = hint?.originalException as FailedRequest | undefined;
  const { kind, status } = failureOf(error);
  if (kind === "unknown") return scrubbed(event) as Event;
  const { method, url } = error?.config ?? error ?? {};
  const path = withoutIds(`${url}`.replace(/^\w+:\/\/[^/]*|[?#].*/g, ""));
  return scrubbed({ ...event, fingerprint: [kind, `${status ?? ""}`, `${method}`.toUpperCase(), path] }) as Event;
}

/** Deeper than anything that Sentry sends; an object that was logged to the console may be circular. */
const MAX_DEPTH = 8;

function scrubbed(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redact(value).replace(QUERIES, "$1");
  if (Array.isArray(value)) return depth > MAX_DEPTH ? [] : value.map((one) => scrubbed(one, depth + 1));
  // Instances of Sentry's classes (spans, scopes) must stay unchanged.
  if (value?.constructor !== Object) return value;
  const kept = Object.entries(value).filter(([name]) => depth <= MAX_DEPTH && !SECRET_NAMES.test(name));
  return Object.fromEntries(kept.map(([name, one]) => [name, scrubbed(one, depth + 1)]));
}
