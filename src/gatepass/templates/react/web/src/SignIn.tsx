/** The form to sign in, and to make an account. */

import { useSession } from "gatepass/react";
import { type SubmitEvent, useState } from "react";

import { sentenceOf } from "./errors";

export function SignIn() {
  const { signIn, signUp, reason } = useSession();
  const [isNew, setNew] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [fault, setFault] = useState("");

  async function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const credentials = { email: String(data.get("email")), password: String(data.get("password")) };
    setBusy(true);
    setFault("");
    try {
      await (isNew ? signUp(credentials) : signIn(credentials));
    } catch (error) {
      setFault(sentenceOf(error));
    } finally {
      setBusy(false);
    }
  }

  return (
    <form onSubmit={submit}>
      {reason !== null && reason !== "signed-out" && <p>Your session is over. Please sign in again.</p>}
      <label>
        E-mail address
        <input name="email" type="email" autoComplete="username" required />
      </label>
      <label>
        Password
        <input name="password" type="password" autoComplete={isNew ? "new-password" : "current-password"} required />
      </label>
      <button type="submit" disabled={isBusy}>
        {isNew ? "Make the account" : "Sign in"}
      </button>
      <button type="button" onClick={() => setNew(!isNew)}>
        {isNew ? "I have an account" : "I am new here"}
      </button>
      {fault !== "" && <p role="alert">{fault}</p>}
    </form>
  );
}
