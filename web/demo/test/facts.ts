/** Facts as the session reports them, in short. */

import type { Fact, Phase, RequestGroup, Trigger } from "../src/store/requestGroup";

export const empty = (experiment: string | null = null): RequestGroup => ({
  id: 1,
  experiment,
  start: 0,
  wall: 0,
  calls: [],
  refreshes: [],
});

export function call(id: string, phase: "start" | Phase | "end", at: number, status = 0): Fact {
  return { kind: "call", id, phase, method: "GET", url: "/api/ping", status, at };
}

interface Refreshing {
  trigger?: Trigger;
  outcome?: "ok" | "ended" | "transient";
  generation?: number;
  attempts?: number;
  shared?: boolean;
}

export function refresh(phase: "start" | "end", at: number, facts: Refreshing = {}): Fact {
  const { trigger = "401", outcome = null, generation = null, attempts = 1, shared = false } = facts;
  return { kind: "refresh", phase, trigger, outcome, generation, attempts, shared, at };
}

/** A call that is refused, waits for the refresh from 3 to 4, and goes again. */
export function replayed(id: string, at: number): Fact[] {
  return [
    call(id, "start", at),
    call(id, "sent", at),
    call(id, "waiting", at + 10),
    call(id, "replay", at + 50),
    call(id, "end", at + 60, 200),
  ];
}
