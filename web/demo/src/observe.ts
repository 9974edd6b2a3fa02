/**
 * Copies the events of the session into the store: facts for the log-book, passes for the timeline.
 *
 * Facts are dispatched in batches, so that 50 calls at once cause a few renders, not 200.
 */

import type { SessionEvent } from "gatepass";

import { session } from "./gate";
import type { Dispatch } from "./store";
import { factsSeen, passDropped, passTaken } from "./store/activity";
import type { Fact } from "./store/requestGroup";
import { loadServerLog } from "./store/serverLog";
import { type Notice, noticed } from "./store/ui";

/** The time after which a fact is in the store, ms. */
export const BATCH = 40;
const FROM_SIBLING: Omit<Notice, "at"> = {
  headline: "Another tab renewed the pass",
  detail: "It did so for both: this tab asked nothing of the server and goes on with the new pass.",
  tone: "refresh",
  promise: "P1",
  isQuiet: true,
};
/** Requests to the demo's own endpoints are not shown. */
const DEMO_ENDPOINTS = "/demo/";

/** Starts copying. Returns a function that stops it. */
export function observe(dispatch: Dispatch): () => void {
  const batch = new Batch((facts) => {
    dispatch(factsSeen({ facts, wall: Date.now() }));
    if (facts.some(isServerEvent)) void dispatch(loadServerLog());
  });
  let isRefreshing = false;
  const stopFacts = session.on("*", (event: SessionEvent) => {
    if (event.type === "refresh") isRefreshing = event.phase === "start";
    const fact = factOf(event);
    if (fact !== null) batch.add(fact);
  });
  let known = session.getSnapshot();
  const stopPasses = session.subscribe(() => {
    const before = known;
    known = session.getSnapshot();
    const { expiresAt, lifetime, generation, status, sessionId } = known;
    if (expiresAt === before.expiresAt) return;
    if (expiresAt !== null && lifetime !== null) {
      dispatch(passTaken({ at: expiresAt - lifetime, lifetime, generation }));
      const isOwn = isRefreshing || before.expiresAt === null || sessionId !== before.sessionId;
      if (!isOwn) dispatch(noticed({ ...FROM_SIBLING, at: performance.now() }));
    } else if (status === "ended" || status === "anonymous") {
      dispatch(passDropped());
    }
  });
  return () => {
    stopFacts();
    stopPasses();
  };
}

function factOf(event: SessionEvent): Fact | null {
  if (event.type === "request") {
    if (event.url.startsWith(DEMO_ENDPOINTS)) return null;
    const { phase, method, url, status = 0, at } = event;
    return { kind: "call", id: String(event.id), phase, method: method.toUpperCase(), url, status, at };
  }
  if (event.type === "refresh") {
    const { phase, trigger, outcome = null, generation, attempts, shared = false, at } = event;
    return { kind: "refresh", phase, trigger, outcome, generation, attempts, shared, at };
  }
  return null;
}

/** Whether the server may have recorded an event of it. */
function isServerEvent(fact: Fact): boolean {
  return fact.phase === "end" && (fact.kind === "refresh" || fact.url.startsWith("/auth/"));
}

class Batch {
  private facts: Fact[] = [];

  constructor(private readonly deliver: (facts: Fact[]) => void) {}

  add(fact: Fact): void {
    this.facts.push(fact);
    if (this.facts.length > 1) return;
    setTimeout(() => {
      const facts = this.facts;
      this.facts = [];
      this.deliver(facts);
    }, BATCH);
  }
}
