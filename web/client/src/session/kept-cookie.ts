/**
 * Whether the browser has kept the cookies of a session that a page cannot see.
 *
 * A browser that blocks the cookies of another site drops them without a word: the session would last as long as its first
 * token. WebKitGTK takes none for a page of another site either, but sends those that it has had from a visit to the API's
 * own host: then the old one is presented at each refresh, which looks like theft.
 */

import type { Binding } from "./binding-key.js";
import { askWhose, bearer, CLIENT_HEADER, type EndpointCall, type Grant } from "./endpoints.js";
import type { Notes } from "./state-cookie.js";
import type { Suspect } from "./suspicion.js";

interface Parts {
  readonly binding: Binding;
  readonly call: EndpointCall;
  readonly notes: Notes;
  readonly suspect: Suspect;
}

/**
 * Asks the server. Returns `no-session` if the cookies of `grant` were not kept: then its session has ended there, and the
 * warning says why. `transient` if nothing has answered: then the note `news` has whichever tab refreshes next ask again.
 */
export async function faultOfCookie({ binding, call, notes, suspect }: Parts, { sid, generation, token }: Grant) {
  const { kind, error } = (await askWhose(call).catch(() => null)) ?? {};
  const { sid: named, refresh_generation: known } = error?.problem ?? {};
  if (kind !== "no-session" && !named) return "transient";
  notes("news", null);
  if (named === sid && !((known as number) < generation)) return null;
  await call("/logout", { headers: { ...CLIENT_HEADER, ...bearer(token) } }).catch(() => null);
  binding.end(sid);
  suspect("cookies-blocked");
  return "no-session";
}
