"use client";

import { SessionProvider, useSession } from "gatepass/react";
import type { ReactNode } from "react";
import { session } from "../lib/session";

/** Resumes the session when a page is opened, which brings a new page cookie. */
export function Session({ children }: { children: ReactNode }) {
  return <SessionProvider session={session}>{children}</SessionProvider>;
}

/** A whole navigation, not the router's: what it has kept for this person goes too. */
export function SignOut() {
  const isReady = useSession(({ status }) => status === "active");
  const signOut = async () => {
    await session.signOut();
    location.assign("/");
  };
  return (
    <button type="button" onClick={signOut} disabled={!isReady}>
      Sign out
    </button>
  );
}
