/**
 * Groups of calls and refreshes that belong together in time.
 *
 * The session reports single facts ("request 7 was sent"). Groups are easier to understand ("50 calls waited for one
 * refresh"), so facts are added to a group until no fact has come for a while. Everything here is pure; times are
 * milliseconds of performance.now().
 */

export type Phase = "waiting" | "sent" | "replay";
export type Trigger = "start" | "expired" | "ahead" | "401" | "manual" | "wake";
export type Outcome = "ok" | "ended" | "transient";

/** One phase of a call. `to` is null while it lasts. */
export interface Span {
  phase: Phase;
  from: number;
  to: number | null;
}

/** One request of the page. `status` 0: no response. */
export interface Call {
  id: string;
  method: string;
  url: string;
  start: number;
  end: number | null;
  status: number | null;
  spans: Span[];
}

/** One refresh. `shared`: the access token came from another tab. */
export interface Refresh {
  id: string;
  trigger: Trigger;
  start: number;
  end: number | null;
  from: number | null;
  to: number | null;
  outcome: Outcome | null;
  attempts: number;
  shared: boolean;
}

/** `experiment` is the id of the button that started it; `wall` is its start in Unix ms, for display. */
export interface RequestGroup {
  id: number;
  experiment: string | null;
  start: number;
  wall: number;
  calls: Call[];
  refreshes: Refresh[];
}

/** An event of the session, in the form that the log-book needs. */
export type Fact =
  | {
      kind: "call";
      id: string;
      phase: "start" | Phase | "end";
      method: string;
      url: string;
      status: number;
      at: number;
    }
  | {
      kind: "refresh";
      phase: "start" | "end";
      trigger: Trigger;
      outcome: Outcome | null;
      generation: number | null;
      attempts: number;
      shared: boolean;
      at: number;
    };

/** After this time without a fact (ms), the next fact begins a new group. */
export const QUIET = 600;
/** A call that is sent within this time has not waited, ms. */
const AT_ONCE = 3;
/** The address that the page polls by itself. */
export const POLL_URL = "/api/ping";

/** Whether a call or refresh of the group is still in progress. */
export function isOpen(group: RequestGroup): boolean {
  return [...group.calls, ...group.refreshes].some((row) => row.end === null);
}

/** Whether the group has no facts yet. */
export function isEmpty(group: RequestGroup): boolean {
  return group.calls.length + group.refreshes.length === 0;
}

/** The time of the last fact of the group. */
export function lastMoment(group: RequestGroup): number {
  const moments = [...group.calls, ...group.refreshes].map((row) => row.end ?? row.start);
  return Math.max(group.start, ...moments);
}

/** Whether the group is only a poll of the page that succeeded at once, which need not be shown. */
export function isPoll(group: RequestGroup): boolean {
  const [call, ...others] = group.calls;
  const isPlain = call?.url === POLL_URL && call.status === 200 && call.spans.every((span) => span.phase === "sent");
  return isPlain && others.length === 0 && group.refreshes.length === 0 && group.experiment === null;
}

/** Whether a fact at `at` belongs to `group` rather than to a new one. */
export function belongs(group: RequestGroup, at: number): boolean {
  const isAwaited = group.experiment !== null && isEmpty(group);
  return isAwaited || isOpen(group) || at - lastMoment(group) < QUIET;
}

/** Adds `fact` to `group`, which is changed in place (the store passes in a draft). */
export function record(group: RequestGroup, fact: Fact): void {
  if (fact.kind === "call") {
    recordCall(group, fact);
  } else {
    recordRefresh(group, fact);
  }
}

function recordCall(group: RequestGroup, fact: Extract<Fact, { kind: "call" }>): void {
  let call = group.calls.find((known) => known.id === fact.id);
  if (call === undefined) {
    if (fact.phase === "end") return; // its group was dropped from the log-book
    const { id, method, url, at } = fact;
    call = { id, method, url, start: at, end: null, status: null, spans: [] };
    group.calls.push(call);
  }
  if (fact.phase === "start") return;
  if (call.spans.length === 0 && hadToWait(group, call, fact.at)) {
    call.spans.push({ phase: "waiting", from: call.start, to: null });
  }
  const open = call.spans.at(-1);
  if (open !== undefined && open.to === null) open.to = fact.at;
  if (fact.phase === "end") {
    call.end = fact.at;
    call.status = fact.status;
  } else {
    call.spans.push({ phase: fact.phase, from: fact.at, to: null });
  }
}

/** Whether the call waited for a refresh, since its access token had expired. */
function hadToWait({ refreshes }: RequestGroup, call: Call, sentAt: number): boolean {
  const isHeldUp = refreshes.some(({ end }) => end !== null && end >= call.start);
  return isHeldUp && sentAt - call.start > AT_ONCE;
}

function recordRefresh(group: RequestGroup, fact: Extract<Fact, { kind: "refresh" }>): void {
  const open = group.refreshes.find((refresh) => refresh.end === null);
  if (fact.phase === "start") {
    group.refreshes.push({
      id: `${group.id}-${group.refreshes.length}`,
      trigger: fact.trigger,
      start: fact.at,
      end: null,
      from: fact.generation,
      to: null,
      outcome: null,
      attempts: 1,
      shared: false,
    });
  } else if (open !== undefined) {
    open.end = fact.at;
    open.outcome = fact.outcome;
    open.to = fact.outcome === "ok" ? fact.generation : null;
    open.attempts = Math.max(1, fact.attempts);
    open.shared = fact.shared;
  }
}
