/** Describes a request group in a sentence. Pure; the only place that converts facts into words. */

import type { Call, Refresh, RequestGroup } from "./requestGroup";
import { isOpen } from "./requestGroup";

export type PromiseId = "P1" | "P2" | "P3" | "P4" | "P5" | "P6" | "P7" | "P8";
export type Tone = "calm" | "refresh" | "trouble" | "pending";

export interface Description {
  headline: string;
  detail: string;
  tone: Tone;
  promise: PromiseId | null;
}

const TRIGGERS: Record<Refresh["trigger"], string> = {
  start: "The page had just been opened, so it had no pass in memory: the card fetched one.",
  expired: "The pass had run out. The call waited a moment while the card fetched a new one.",
  ahead: "The pass was about to run out. The call went at once; the new pass was fetched beside it.",
  "401": "The server refused the old pass. The guard fetched a new one and sent the same call again.",
  wake: "The network or this tab came back, so the guard made sure of a good pass.",
  manual: "The card was exchanged on request.",
};

/** Describes the current state of a group. */
export function describeGroup(group: RequestGroup): Description {
  if (isOpen(group)) return underWay(group);
  const refused = group.refreshes.find((refresh) => refresh.outcome === "ended");
  if (refused !== undefined) return ended();
  const renewed = group.refreshes.filter((refresh) => refresh.outcome === "ok");
  const last = renewed.at(-1);
  if (last !== undefined) return refreshed(group, last);
  if (group.refreshes.length > 0 || group.calls.some((call) => call.status === 0)) return unreachable();
  return passed(group.calls);
}

function underWay(group: RequestGroup): Description {
  const waiting = group.calls.filter((call) => call.spans.at(-1)?.phase === "waiting" && call.end === null).length;
  const detail = waiting > 0 ? `${count(waiting, "call")} waiting for one new pass.` : "The guard is at work.";
  return { headline: "Under way…", detail, tone: "pending", promise: null };
}

function ended(): Description {
  return {
    headline: "The session ended",
    detail: "The server no longer knows this card, so the guard asked you to sign in again.",
    tone: "trouble",
    promise: "P4",
  };
}

function refreshed(group: RequestGroup, last: Refresh): Description {
  const calls = group.calls.length;
  const own = group.refreshes.filter((refresh) => refresh.outcome === "ok" && !refresh.shared).length;
  const step = last.from !== null && last.to !== null ? ` Generation ${last.from} → ${last.to}.` : "";
  if (last.shared) {
    return {
      headline: `${count(calls, "call")}, no refresh here`,
      detail: "Another tab had just fetched a new pass and shared it with this one.",
      tone: "refresh",
      promise: "P1",
    };
  }
  if (group.refreshes.some((refresh) => refresh.outcome === "transient")) {
    return {
      headline: "The answer was lost, the session was not",
      detail: `The guard asked again with the same proof; the server knew the request and gave the same answer.${step}`,
      tone: "refresh",
      promise: "P1",
    };
  }
  if (group.experiment === "thief") {
    return {
      headline: "You went on as before",
      detail: `A copy of your card was shown and opened nothing. Yours was exchanged as ever.${step}`,
      tone: "refresh",
      promise: "P2",
    };
  }
  const isSilent = last.trigger === "ahead" || calls === 0;
  const headline = isSilent ? "Renewed in silence" : `${count(calls, "call")}, ${count(own, "refresh")}`;
  return { headline, detail: TRIGGERS[last.trigger] + step, tone: "refresh", promise: "P1" };
}

function unreachable(): Description {
  return {
    headline: "No answer from the server",
    detail: "Nothing was decided, so nothing is thrown away: card and session are kept until it can be reached.",
    tone: "trouble",
    promise: "P1",
  };
}

function passed(calls: Call[]): Description {
  const odd = calls.find((call) => (call.status ?? 0) >= 400);
  if (odd === undefined) {
    return {
      headline: `${count(calls.length, "call")} let through`,
      detail: "The pass was good, so the guard only stamped it on. No refresh was needed.",
      tone: "calm",
      promise: null,
    };
  }
  return { headline: `${odd.status}, passed on untouched`, detail: meaning(odd.status), tone: "calm", promise: null };
}

function meaning(status: number | null): string {
  switch (status) {
    case 401:
      return "A new pass would not have helped: this door asks for a second key, or for a sign-in just now.";
    case 404:
      return "The pass is fine and the thing is not there. That is the application's answer, not a reason to refresh.";
    case 429:
      return "The server asks for patience. The guard hands on Retry-After and does not hammer the gate.";
    case 400:
    case 403:
    case 409:
    case 422:
      return "The pass is fine, and what came with it was not accepted. That is an answer, not a reason to refresh.";
    default:
      return "The server stumbled. That says nothing about who you are, so you stay signed in.";
  }
}

/** "1 call", "50 calls", "2 refreshes", "3 passes". */
export function count(number: number, noun: string): string {
  if (number === 1) return `1 ${noun}`;
  return `${number} ${noun}${/s[hs]?$/.test(noun) ? "es" : "s"}`;
}
