"use client";

import { SessionProvider, useSession } from "gatepass/react";
import type { ReactNode } from "react";
import { session } from "../lib/session";

/** Resumes the session when a page is opened, which brings a new page cookie. */
export function Session({ children }: { children: ReactNode }) {
  return <SessionProvider session={session}>{children}</SessionProvider>;
}

/** Where the browser goes then is the affair of `onEnded`: a second navigation here would race with that one. */
export function SignOut() {
  const isReady = useSession(({ status }) => status === "active");
  const signOut = () => void session.signOut();
  return (
    <button type="button" onClick={signOut} disabled={!isReady}>
      Sign out
    </button>
  );
}
