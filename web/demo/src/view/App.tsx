/** The page. Its content depends only on the status of the session. */

import { useSession } from "gatepass/react";
import { useEffect, useRef } from "react";

import { useStore } from "../store";
import { Ended } from "./Ended";
import { Happened } from "./Happened";
import { Header } from "./Header";
import { LogBook } from "./LogBook";
import { Offline } from "./Offline";
import { Promises } from "./Promises";
import { SignIn } from "./SignIn";
import { Tour } from "./Tour";
import { Welcome } from "./Welcome";

export function App() {
  const { status, reason } = useSession();
  const isIn = status === "active" || status === "degraded";
  const wasOut = useRef(false);
  // The form that had the focus is gone: go on where the new page begins. After a reload the focus stays where it is.
  useEffect(() => {
    if (isIn && wasOut.current) document.getElementById("pass-title")?.focus();
    wasOut.current = status === "anonymous" || status === "ended";
  }, [isIn, status]);

  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        {status === "unknown" && <p className="looking">Looking for your membership card…</p>}
        {isIn && <Tour />}
        {status === "anonymous" && <SignedOut intro={<Welcome />} />}
        {status === "ended" && <SignedOut intro={<Ended reason={reason ?? "unknown"} />} />}
        {status !== "unknown" && <Promises />}
      </main>
      <Happened isShown={isIn} />
      <footer className="footer">
        <p>Gatepass demo. Passes last 30 seconds here, so that you can watch; 15 minutes is usual.</p>
      </footer>
    </>
  );
}

/** Shown without a session: an introduction, the form to sign in, and the log-book so far. */
function SignedOut({ intro }: { intro: React.ReactNode }) {
  const hasEntries = useStore((state) => state.activity.groups.length > 0);
  const isOffline = useStore((state) => state.ui.isOffline);
  return (
    <>
      <div className="signed-out">
        {intro}
        <div>
          {isOffline && (
            <div className="panel cut-off">
              <Offline />
            </div>
          )}
          <SignIn />
        </div>
      </div>
      {hasEntries && <LogBook />}
    </>
  );
}
