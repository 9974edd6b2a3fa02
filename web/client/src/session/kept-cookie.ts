/**
 * Whether the browser has kept the cookies of a session that a page cannot see.
 *
 * A browser that blocks the cookies of another site drops them without a word: the session would last as long as its first
 * token. WebKitGTK takes none for a page of another site either, but sends those that it has had from a visit to the API's
 * own host: then the old one is presented at each refresh, which looks like theft.
 */

import { askWhose, bearer, CLIENT_HEADER, type EndpointCall, type Grant, readMark } from "./endpoints.js";
import type { Suspect } from "./suspicion.js";

interface Parts {
  readonly call: EndpointCall;
  readonly suspect: Suspect;
}

/** Asks the server. If the cookies of `grant` were not kept, ends its session at the server and says why. */
export async function isCookieKept({ call, suspect }: Parts, { sid, generation, token }: Grant): Promise<boolean> {
  const { kind, error } = (await askWhose(call).catch(() => null)) ?? {};
  const mark = readMark(error?.problem);
  const isOlder = mark && (error!.problem!.sid !== sid || mark.generation < generation);
  if (kind !== "no-session" && !isOlder) return true;
  await call("/logout", { headers: { ...CLIENT_HEADER, ...bearer(token) } }).catch(() => null);
  suspect("cookies-blocked");
  return false;
}
