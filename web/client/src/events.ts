/**
 * Logs and counts what happens: requests, retries, refreshes and changes of the status, as one stream of facts.
 *
 *     createClient({ baseURL: "/api", session, layers: [log({ session, route: withoutIds }), retry()] });
 *     // GET /orders/:id: 200
 *
 * No fact holds a token, a key, a query, a header or a body.
 */

import type { Layer } from "./request/layer.js";
import { observe, type RequestFact, type Route } from "./request/observe.js";
import type { EndReason, RefreshEvent, Session, StatusEvent, WarningEvent } from "./session/types.js";

export { type RequestFact, type Route, withoutIds } from "./request/observe.js";

/** `warn`: 5xx, no response, a slow request, a refresh without a result, a session that the server ended. */
export type Level = "info" | "warn";

/** A fact as a sink gets it. */
export type Fact = (RequestFact | RefreshEvent | StatusEvent | WarningEvent) & { readonly level: Level };

/** Writes, sends or counts facts. An error that it throws is reported by the browser and has no other effect. */
export type Sink = (fact: Fact) => void;

export interface LogOptions {
  /** Default: the console. */
  readonly sink?: Sink | undefined;
  /** The lowest level that the sink gets. Default `info`. */
  readonly level?: Level | undefined;
  /** A request that takes longer is a warning, ms. Default 10 000. */
  readonly slow?: number | undefined;
  /** How paths are shown: `withoutIds`, or another function. Default: unchanged. */
  readonly route?: Route | undefined;
  /** The session whose refreshes and changes of status are logged too. */
  readonly session?: Session | undefined;
}

/** The beginnings of results that are warnings: 5xx, network, timeout, not-replayable, revoked … */
const WARNINGS = /^(5|network|timeout|not-|re|transient|degraded)/;

/** The layer. Put it before `retry()`, so that it sees each request once. */
export function log({
  sink = toConsole,
  level: minimum = "info",
  slow = 10_000,
  route,
  session,
}: LogOptions = {}): Layer {
  const emit = (fact: RequestFact | RefreshEvent | StatusEvent | WarningEvent) => {
    const isSlow = (fact as RequestFact).ms > slow;
    const isWarning = isSlow || fact.type === "warning" || (fact.type !== "retry" && WARNINGS.test(resultOf(fact)));
    if (isWarning || minimum === "info") sink({ ...fact, level: isWarning ? "warn" : "info" });
  };
  session?.on("*", (event) => event.type === "request" || emit(event));
  return (call, next) => observe(call, next, emit, route);
}

/** The sink that writes to the console: a readable line, and the facts. */
export function toConsole(fact: Fact): void {
  const { method, path, type } = fact as RequestFact;
  // The session itself has told the console.
  if (fact.type !== "warning") console[fact.level](`${method ? `${method} ${path}` : type}: ${resultOf(fact)}`, fact);
}

/** The result of a fact in one word. */
function resultOf(fact: RequestFact | RefreshEvent | StatusEvent | WarningEvent): string {
  const { reason, status, outcome, phase, message } = fact as Partial<
    RequestFact & RefreshEvent & StatusEvent & WarningEvent
  >;
  return `${reason ?? status ?? outcome ?? phase ?? message}`;
}

/** Changes of who is signed in on this page. `resumed`: the page was loaded with a session. */
export type SessionChange =
  | { readonly name: "signed-in" | "resumed" | "refresh-failed"; readonly reason: null }
  | { readonly name: "signed-out"; readonly reason: EndReason };

/**
 * For analytics: calls `handler` for each sign-in and sign-out, in every tab, and for the first of several refreshes
 * that failed in a row. Returns a function that stops it.
 */
export function track(session: Session, handler: (change: SessionChange) => void): () => void {
  let before = session.getSnapshot().status;
  let isRefreshing = false;
  return session.on("*", (event) => {
    // Where another tab has sent the token, the page is active only when its account is known too.
    if (event.type === "refresh") isRefreshing = event.phase === "start" || session.getSnapshot().status === "unknown";
    if (event.type !== "status") return;
    const { status, reason } = event;
    const entry = before === "degraded" ? undefined : isRefreshing ? "resumed" : "signed-in";
    const name = { active: entry, degraded: "refresh-failed", ended: "signed-out" }[status as string];
    before = status;
    if (name) handler({ name, reason } as SessionChange);
  });
}
