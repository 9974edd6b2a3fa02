/** Detects a change of the signed-in account, so that caches of any library can be cleared. */

import type { Session } from "./types.js";

/** Calls `forget` when data fetched so far belongs to another account than the current one. */
export function onAccountChange(session: Session, forget: () => void): () => void {
  let owner = session.getSnapshot().account?.id;
  return session.subscribe(() => {
    const { status, account } = session.getSnapshot();
    const isOver = status === "ended" || status === "anonymous";
    // After a reload the account is unknown until the first response; that is not a change.
    const next = isOver ? undefined : (account?.id ?? owner);
    if (owner !== undefined && next !== owner) forget();
    owner = next;
  });
}
