/** What the cookies of a request say together: one table, without I/O (PROTOCOL §10). */

import type { PageCookies } from "./cookies.js";

export type Standing = "signed-in" | "resume" | "anonymous" | "lost";

/**
 * `isAccepted`: there is a page token that holds.
 *
 * Page cookie and state cookie are set together and come along together. Where the state alone is missing, the person has
 * signed out without a network: that deletes what a script can delete at once, and the page cookie with the next request
 * to the gate. Until then it must open nothing.
 */
export function decide({ namesSession, wasResumed }: PageCookies, isAccepted: boolean): Standing {
  if (!namesSession) return "anonymous";
  if (isAccepted) return "signed-in";
  return wasResumed ? "lost" : "resume";
}
