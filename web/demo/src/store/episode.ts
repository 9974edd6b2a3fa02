/**
 * What the guard did, cut into episodes: calls and refreshes that belong together in time.
 *
 * The session reports single facts ("request 7 was sent"). A person understands groups of them ("50 calls
 * waited for one refresh"), so facts are gathered into an episode until the gate has been quiet for a while.
 * Everything here is pure; times are milliseconds of performance.now().
 */

export type Phase = "waiting" | "sent" | "replay";
export type Trigger = "start" | "expired" | "ahead" | "401" | "manual" | "wake";
export type Outcome = "ok" | "ended" | "transient";

/** A stretch of a call's way. `to` is null while it lasts. */
export interface Span {
  phase: Phase;
  from: number;
  to: number | null;
}

/** One request of the page. `status` 0: no answer came. */
export interface Call {
  id: string;
  method: string;
  url: string;
  start: number;
  end: number | null;
  status: number | null;
  spans: Span[];
}

/** One exchange of the membership card. `shared`: a sibling tab had done it already. */
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

/** `experiment` is the button that began it; `wall` is Unix milliseconds, for people. */
export interface Episode {
  id: number;
  experiment: string | null;
  start: number;
  wall: number;
  calls: Call[];
  refreshes: Refresh[];
}

/** A fact from the session, stamped by this page. */
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

/** How long (ms) the gate must be quiet for the next fact to begin a new episode. */
export const QUIET = 600;
/** What counts as sent at once, ms. */
const AT_ONCE = 3;
/** The address that the page strolls by on its own. */
export const STROLL = "/api/ping";

/** Whether something in the episode is still under way. */
export function isOpen(episode: Episode): boolean {
  return [...episode.calls, ...episode.refreshes].some((row) => row.end === null);
}

/** Whether nothing has come of it yet. */
export function isEmpty(episode: Episode): boolean {
  return episode.calls.length + episode.refreshes.length === 0;
}

/** When the last thing known of the episode happened. */
export function lastMoment(episode: Episode): number {
  const moments = [...episode.calls, ...episode.refreshes].map((row) => row.end ?? row.start);
  return Math.max(episode.start, ...moments);
}

/** One plain call that passed at once, made by the page on its own: nothing that anybody need read about. */
export function isStroll(episode: Episode): boolean {
  const [call, ...others] = episode.calls;
  const isPlain = call?.url === STROLL && call.status === 200 && call.spans.every((span) => span.phase === "sent");
  return isPlain && others.length === 0 && episode.refreshes.length === 0 && episode.experiment === null;
}

/** Whether a fact at `at` belongs to `episode` rather than to a new one. */
export function belongs(episode: Episode, at: number): boolean {
  const isAwaited = episode.experiment !== null && isEmpty(episode);
  return isAwaited || isOpen(episode) || at - lastMoment(episode) < QUIET;
}

/** Take `fact` into `episode`, which is changed in place (the store hands in a draft). */
export function record(episode: Episode, fact: Fact): void {
  if (fact.kind === "call") {
    recordCall(episode, fact);
  } else {
    recordRefresh(episode, fact);
  }
}

function recordCall(episode: Episode, fact: Extract<Fact, { kind: "call" }>): void {
  let call = episode.calls.find((known) => known.id === fact.id);
  if (call === undefined) {
    if (fact.phase === "end") return; // its beginning was trimmed away
    const { id, method, url, at } = fact;
    call = { id, method, url, start: at, end: null, status: null, spans: [] };
    episode.calls.push(call);
  }
  if (fact.phase === "start") return;
  if (call.spans.length === 0 && hadToWait(episode, call, fact.at)) {
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

/** A call whose pass had run out is not sent before there is a new one. */
function hadToWait({ refreshes }: Episode, call: Call, sentAt: number): boolean {
  const isHeldUp = refreshes.some(({ end }) => end !== null && end >= call.start);
  return isHeldUp && sentAt - call.start > AT_ONCE;
}

function recordRefresh(episode: Episode, fact: Extract<Fact, { kind: "refresh" }>): void {
  const open = episode.refreshes.find((refresh) => refresh.end === null);
  if (fact.phase === "start") {
    episode.refreshes.push({
      id: `${episode.id}-${episode.refreshes.length}`,
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
