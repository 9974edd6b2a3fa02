/**
 * Addresses for `<img>`, `<video>` and downloads, which send no header (PROTOCOL §10).
 *
 *     image.src = await linkTo(session, "/files/7");
 *     const stop = followLink(session, "/files/7", (link) => link && (image.src = link));
 *     const leave = followMedia(session, "/films/7", document.querySelector("video"));
 */

import { ask } from "./links/ask.js";
import type { Session } from "./session/types.js";

export { type FollowOptions, followLink } from "./links/follow.js";
export { followMedia } from "./links/media.js";

/**
 * Makes an address that opens this one path (with its query), by GET, for some minutes, and dies with the session. For
 * routes that ask for `link_principal`. Calls of one moment are one request, and a link is given out again until half of
 * its life is over.
 *
 * `path` is at the origin of the endpoints. Rejects with `session-ended`, `refresh-unavailable`, or as `signIn`.
 */
export async function linkTo(session: Session, path: string): Promise<string> {
  return (await ask(session, path)).href;
}
