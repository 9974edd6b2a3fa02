/** The session for React components. One provider at the top; components re-render when the snapshot changes. */

import { createContext, type ReactNode, useContext, useEffect, useMemo, useSyncExternalStore } from "react";

import { type Session, type Snapshot, UNKNOWN } from "./types.js";

const Nearest = createContext<Session | null>(null);

/** Gives its children a session, and resumes it from the cookie when it is mounted. */
export function SessionProvider({ session, children }: { session: Session; children?: ReactNode }): ReactNode {
  useEffect(() => {
    // Idempotent, so that Strict Mode's second mount does nothing.
    void session.start();
  }, [session]);
  return <Nearest.Provider value={session}>{children}</Nearest.Provider>;
}

/** The present snapshot and the three verbs. On a server the status is `unknown`. */
export function useSession(): Snapshot & Pick<Session, "signIn" | "signUp" | "signOut"> {
  const session = useContext(Nearest);
  if (!session) throw new Error("useSession() needs a <SessionProvider session={…}> above it.");
  const snapshot = useSyncExternalStore(session.subscribe, session.getSnapshot, () => UNKNOWN);
  return useMemo(() => {
    const { signIn, signUp, signOut } = session;
    return { ...snapshot, signIn, signUp, signOut };
  }, [session, snapshot]);
}
