/** The page: the form to sign in without a session, the notes with one. */

import type { Client } from "gatepass/fetch";
import { RequireSession, useSession } from "gatepass/react";

import { Notes } from "./Notes";
import { SignIn } from "./SignIn";

export function App({ api }: { api: Client }) {
  const status = useSession((session) => session.status);
  return (
    <main>
      <h1>Notes</h1>
      <RequireSession fallback={status === "unknown" ? <p>One moment…</p> : <SignIn />}>
        <Notes api={api} />
      </RequireSession>
    </main>
  );
}
