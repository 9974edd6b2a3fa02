/**
 * Whose data a page has fetched: caches of any library are forgotten when it is somebody else's turn.
 */

import type { Session } from "./types.js";

/** Call `forget` whenever data fetched so far is no longer the present account's. */
export function onAccountChange(session: Session, forget: () => void): () => void {
  let owner = session.getSnapshot().account?.id;
  return session.subscribe(() => {
    const { status, account } = session.getSnapshot();
    const isOver = status === "ended" || status === "anonymous";
    // Between a reload and its first answer nobody knows who it is: that is no change.
    const next = isOver ? undefined : (account?.id ?? owner);
    if (owner !== undefined && next !== owner) forget();
    owner = next;
  });
}
