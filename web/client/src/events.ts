/**
 * What happens, for logs and for counting: requests, retries, refreshes and changes of the status, in one stream of
 * facts. None holds a token, a key, a query, a header or a body.
 *
 *     GET /orders/:id: 200
 */

import type { Layer } from "./request/layer.js";
import { observe, type RequestFact, type Route } from "./request/observe.js";
import type { EndReason, RefreshEvent, Session, StatusEvent } from "./session/types.js";

export { type RequestFact, type Route, withoutIds } from "./request/observe.js";

/** `warn`: 5xx, no answer, slow, a refresh that came to nothing, a session that the server ended. */
export type Level = "info" | "warn";

/** Anything that is told. */
export type Fact = (RequestFact | RefreshEvent | StatusEvent) & { readonly level: Level };

/** Takes facts: writes, sends or counts them. What it throws is reported by the browser and harms no request. */
export type Sink = (fact: Fact) => void;

export interface LogOptions {
  /** Default: the console. */
  readonly sink?: Sink;
  /** The least that is told. Default `info`. */
  readonly level?: Level;
  /** What takes longer is a warning, ms. Default 10 000. */
  readonly slow?: number;
  /** How paths are shown: `withoutIds`, or a function of yours. Default: as they are. */
  readonly route?: Route;
  /** Of this one refreshes and changes of the status are told as well. */
  readonly session?: Session;
}

/** Begins what is a warning: 5xx, network, timeout, not-replayable, refresh-unavailable, revoked, reused, replaced … */
const WARNINGS = /^(5|network|timeout|not-|re|transient|degraded)/;

/** The layer; put it outside of `retry()`, so that it sees a request once. */
export function log({
  sink = toConsole,
  level: minimum = "info",
  slow = 10_000,
  route,
  session,
}: LogOptions = {}): Layer {
  const emit = (fact: RequestFact | RefreshEvent | StatusEvent) => {
    const isSlow = (fact as RequestFact).ms > slow;
    const isWarning = isSlow || (fact.type !== "retry" && WARNINGS.test(resultOf(fact)));
    if (isWarning || minimum === "info") sink({ ...fact, level: isWarning ? "warn" : "info" });
  };
  session?.on("*", (event) => event.type === "request" || emit(event));
  return (call, next) => observe(call, next, emit, route);
}

/** The sink that writes to the console: a line for people, and the facts. */
export function toConsole(fact: Fact): void {
  const { method, path, type } = fact as RequestFact;
  console[fact.level](`${method ? `${method} ${path}` : type}: ${resultOf(fact)}`, fact);
}

/** What it came to. */
function resultOf(fact: RequestFact | RefreshEvent | StatusEvent): string {
  const { reason, status, outcome, phase } = fact as Partial<RequestFact & RefreshEvent & StatusEvent>;
  return `${reason ?? status ?? outcome ?? phase}`;
}

/** Changes of who is signed in on this page. `resumed`: signed in already when the page was loaded. */
export type SessionChange =
  | { readonly name: "signed-in" | "resumed" | "refresh-failed"; readonly reason: null }
  | { readonly name: "signed-out"; readonly reason: EndReason };

/**
 * For analytics: be told of sign-ins and sign-outs, in every tab, and of refreshes that came to nothing, the first of
 * each stretch. Returns what ends it.
 */
export function track(session: Session, handler: (change: SessionChange) => void): () => void {
  let before = session.getSnapshot().status;
  let isRefreshing = false;
  return session.on("*", (event) => {
    if (event.type === "refresh") isRefreshing = event.phase === "start";
    if (event.type !== "status") return;
    const { status, reason } = event;
    const entry = before === "degraded" ? undefined : isRefreshing ? "resumed" : "signed-in";
    const name = { active: entry, degraded: "refresh-failed", ended: "signed-out" }[status as string];
    before = status;
    if (name) handler({ name, reason } as SessionChange);
  });
}
