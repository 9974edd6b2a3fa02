/** The form to sign in or sign up, with a passkey or a password, and the second step. Faults are shown at their field. */

import { type SecondStep as Step, secondStepOf } from "gatepass/factors";
import { hasPasskeys, signInWithPasskey } from "gatepass/passkeys";
import { useSession } from "gatepass/react";
import { type FormEvent, useEffect, useRef, useState } from "react";

import { session } from "../gate";
import { networkFetch } from "../network";
import { type Faults, faultsOf, sentenceOf } from "../problem";
import { useStore } from "../store";
import { Field, PasswordField } from "./Field";
import { SecondStep } from "./SecondStep";
import { useOfferedPasskeys } from "./useOfferedPasskeys";

type Mode = "in" | "up";

interface Credentials {
  email: string;
  password: string;
}

export function SignIn() {
  const { signIn, signUp } = useSession();
  const demo = useDemoAccount();
  const form = useRef<HTMLFormElement>(null);
  const [mode, setMode] = useState<Mode>("in");
  const [faults, setFaults] = useState<Faults>({});
  const [isBusy, setBusy] = useState(false);
  const [step, setStep] = useState<Step | null>(null);
  const isOffline = useStore((state) => state.ui.isOffline);
  const offerAgain = useOfferedPasskeys(mode === "in" && step === null && !isOffline, (error) =>
    setFaults({ form: sentenceOf(error) }),
  );

  async function enter(credentials: Credentials & { remember: boolean }, how: Mode): Promise<void> {
    setBusy(true);
    setFaults({});
    try {
      await (how === "in" ? signIn(credentials) : signUp(credentials));
    } catch (error) {
      const next = secondStepOf(error);
      if (next !== null) return setStep(next);
      const found = faultsOf(error);
      setFaults(found);
      const name = found.password && !found.email ? "password" : "email";
      form.current?.querySelector<HTMLInputElement>(`[name=${name}]`)?.focus();
    } finally {
      setBusy(false);
    }
  }

  async function enterWithPasskey(): Promise<void> {
    setBusy(true);
    setFaults({});
    try {
      await signInWithPasskey(session);
    } catch (error) {
      setFaults({ form: sentenceOf(error) });
      offerAgain();
    } finally {
      setBusy(false);
    }
  }

  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const email = String(data.get("email")).trim();
    const password = String(data.get("password"));
    const gaps: Faults = {};
    if (email === "") gaps.email = "Please enter your e-mail address.";
    if (password === "") gaps.password = "Please enter a password.";
    if (gaps.email || gaps.password) setFaults(gaps);
    else if (!isBusy) void enter({ email, password, remember: data.get("remember") !== null }, mode);
  }

  if (step !== null) {
    return (
      <section className="panel sign-in" aria-labelledby="sign-in-title">
        <h2 id="sign-in-title">Now your second key</h2>
        <p className="aside">The password was right. This account wants a second key as well.</p>
        <SecondStep step={step} onDone={() => setStep(null)} />
        <p className="mode-switch">
          <button type="button" className="link" onClick={() => setStep(null)}>
            Begin again
          </button>
        </p>
      </section>
    );
  }
  return (
    <section className="panel sign-in" aria-labelledby="sign-in-title">
      <h2 id="sign-in-title">{mode === "in" ? "Sign in" : "Make an account"}</h2>
      {demo !== null && mode === "in" && (
        <div className="demo-account">
          <button
            type="button"
            className="button primary wide"
            aria-disabled={isBusy}
            onClick={() => void (!isBusy && enter({ ...demo, remember: true }, "in"))}
          >
            Use the demo account
          </button>
          <p className="aside">{demo.email}, ready to be broken. Or your own:</p>
        </div>
      )}
      {mode === "in" && hasPasskeys() && (
        <button
          type="button"
          className="button wide passkey"
          aria-disabled={isBusy}
          onClick={() => void (!isBusy && enterWithPasskey())}
        >
          Sign in with a passkey
        </button>
      )}
      <form ref={form} noValidate onSubmit={submit}>
        <Field
          label="E-mail address"
          name="email"
          type="email"
          autoComplete={mode === "in" ? "username webauthn" : "username"}
          fault={faults.email}
        />
        <PasswordField key={mode} isNew={mode === "up"} fault={faults.password} />
        <label className="check">
          <input type="checkbox" name="remember" defaultChecked /> Stay signed in when the browser closes
        </label>
        {faults.form !== undefined && (
          <p className="fault" role="alert">
            {faults.form}
          </p>
        )}
        <button
          type="submit"
          className={demo !== null && mode === "in" ? "button wide" : "button primary wide"}
          aria-disabled={isBusy}
        >
          {isBusy ? "One moment…" : mode === "in" ? "Sign in" : "Make the account and sign in"}
        </button>
      </form>
      <p className="mode-switch">
        {mode === "in" ? "New here? " : "Have an account? "}
        <button
          type="button"
          className="link"
          onClick={() => {
            setMode(mode === "in" ? "up" : "in");
            setFaults({});
          }}
        >
          {mode === "in" ? "Make an account" : "Sign in instead"}
        </button>
      </p>
    </section>
  );
}

/** The seeded account; null until it is fetched, or if there is none. */
function useDemoAccount(): Credentials | null {
  const [account, setAccount] = useState<Credentials | null>(null);
  const isOffline = useStore((state) => state.ui.isOffline);
  useEffect(() => {
    if (isOffline) return;
    const stop = new AbortController();
    networkFetch("/demo/facts", { signal: stop.signal })
      .then(async (answer) => (answer.ok ? ((await answer.json()) as { account: Credentials }).account : null))
      .then(setAccount, () => setAccount(null));
    return () => stop.abort();
  }, [isOffline]);
  return account;
}
