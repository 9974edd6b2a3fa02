/** What the cookies of a request say together: one table, without I/O (PROTOCOL §10). */

import type { PageCookies } from "./cookies.js";

export interface Decision {
  readonly status: "signed-in" | "resume" | "anonymous" | "lost";
  /** Whether the resume page can find out more. */
  readonly resumes: boolean;
}

/**
 * `isAccepted`: there is a page token that holds.
 *
 * The state cookie is SameSite=Strict: a link from another site comes without it, and with the page cookie, which is Lax.
 * On any other request its absence says that the person has left: a sign-out without a network deletes it at once, and
 * the page cookie, which no script reaches, at the next request to the gate. So the resume page looks what is true.
 */
export function decide(
  { namesSession, wasResumed }: PageCookies,
  headers: Pick<Headers, "get">,
  isAccepted: boolean,
): Decision {
  const site = headers.get("sec-fetch-site");
  if (namesSession) {
    if (isAccepted) return { status: "signed-in", resumes: false };
    return wasResumed ? { status: "lost", resumes: false } : { status: "resume", resumes: true };
  }
  const isHidden = site === "cross-site" || site === null;
  if (isAccepted && isHidden) return { status: "signed-in", resumes: false };
  if (isAccepted && !wasResumed) return { status: "resume", resumes: true };
  const isLink = site === "cross-site" && headers.get("sec-fetch-mode") === "navigate";
  return { status: "anonymous", resumes: isLink && !wasResumed };
}
