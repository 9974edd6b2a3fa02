"use client";

import { safeReturn, useSession } from "gatepass/react";
import { type FormEvent, useState } from "react";
import { session } from "../../lib/session";

/** Signs in in the browser, so that the session is bound to its key, and asks the server for the page. */
export function SignInForm() {
  const [fault, setFault] = useState("");
  const isReady = useSession(({ status }) => status !== "unknown"); // before that a click would be the browser's own
  const signIn = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    try {
      await session.signIn({ email: String(form.get("email")), password: String(form.get("password")) });
      location.assign(safeReturn(new URLSearchParams(location.search).get("next"), "/notes"));
    } catch {
      setFault("That did not work. Is the password right?");
    }
  };
  return (
    <form method="post" onSubmit={signIn}>
      <input name="email" type="email" aria-label="Email" autoComplete="username" required />
      <input name="password" type="password" aria-label="Password" autoComplete="current-password" required />
      <button type="submit" disabled={!isReady}>
        Sign in
      </button>
      <p role="alert">{fault}</p>
    </form>
  );
}
