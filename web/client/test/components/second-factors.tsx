import { isGatepassError, type Session } from "gatepass";
import {
  cancelRecovery,
  codeStep,
  completeRecovery,
  type FactorActions,
  type FactorRecovery,
  recoveryStep,
  type SecondStep,
  startRecovery,
  type TotpSecret,
} from "gatepass/factors";
import { hasPasskeys, passkeyStep } from "gatepass/passkeys";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";

/** One field for a code, with its fault. It has the focus when it appears, and again after a fault. */
function CodeForm({ label, isRecovery, fault, onCode }: CodeFormProps) {
  const [field, fieldId, faultId] = [useRef<HTMLInputElement>(null), useId(), useId()];
  useEffect(() => {
    field.current?.focus();
    if (fault) field.current?.select(); // the next code takes the place of the wrong one
  }, [fault]);

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    onCode(String(new FormData(event.currentTarget).get("code")));
  }

  return (
    <form onSubmit={submit}>
      <label htmlFor={fieldId}>{label}</label>
      <input
        ref={field}
        id={fieldId}
        name="code"
        required
        autoComplete={isRecovery ? "off" : "one-time-code"}
        inputMode={isRecovery ? "text" : "numeric"}
        aria-invalid={fault !== null}
        aria-describedby={faultId}
      />
      <p id={faultId} role="alert">
        {fault?.text}
      </p>
      <button type="submit">Continue</button>
    </form>
  );
}

interface CodeFormProps {
  label: string;
  isRecovery?: boolean;
  fault: Fault | null;
  onCode: (code: string) => void;
}

export interface Fault {
  text: string;
}

const TEXTS: Record<string, string> = {
  "invalid-code": "This code is wrong, or was used before. Take the next one.",
  "passkey-taken": "This device has a passkey of your account already.",
  "last-way-in": "You could not sign in without it. Set a password first.",
  "not-offered": "Please ask our help desk.",
  "recovery-not-ready": "It is too early. The mail says when the link works.",
};

/** What the person can mend here; null: the act begins again, or the page shows another form first. */
function faultOf(error: unknown): Fault | null {
  if (!isGatepassError(error)) return null;
  const { code = "", detail } = error.problem ?? {};
  if (TEXTS[code]) return { text: TEXTS[code] };
  if (error.status === 409 || error.status === 422 || error.status === 429)
    return { text: detail ?? "That did not work." };
  if (error.kind === "network" || error.kind === "timeout") return { text: "No connection. Try again." };
  return error.kind === "aborted" ? { text: "No passkey was used. Try again, or take another way." } : null;
}

/** Runs one act at a time. */
export function useActs(onFailed: (error: unknown) => void) {
  const [fault, setFault] = useState<Fault | null>(null);
  const isBusy = useRef(false);
  async function run(act: () => Promise<void>) {
    if (isBusy.current) return;
    isBusy.current = true;
    try {
      await act();
      setFault(null);
    } catch (error) {
      const found = faultOf(error);
      if (found) setFault(found);
      else onFailed(error);
    } finally {
      isBusy.current = false;
    }
  }
  return { fault, run };
}

/** Ends a sign-in, or a step-up. `onFailed` gets `sign-in-expired` above all: ask for the password again. */
export function SecondStepForm({ session, step, onDone, onFailed }: SecondStepProps) {
  const [isRecovery, setRecovery] = useState(false);
  const { fault, run } = useActs(onFailed);
  const passkey = useRef<HTMLButtonElement>(null);
  const has = (method: SecondStep["methods"][number]) => step.methods.includes(method);
  const end = (act: (session: Session) => Promise<unknown>) => void run(() => act(session).then(onDone));
  const isCode = has("totp") && !isRecovery;
  const hasField = isCode || has("recovery");
  useEffect(() => {
    if (!hasField) passkey.current?.focus();
  }, [hasField]);

  return (
    <section aria-label="Second step">
      {has("passkey") && hasPasskeys() && (
        <button ref={passkey} type="button" onClick={() => end(() => passkeyStep(session, step))}>
          Use a passkey
        </button>
      )}
      {hasField ? (
        <CodeForm
          key={String(isCode)}
          label={isCode ? "Code of your authenticator app" : "Recovery code"}
          isRecovery={!isCode}
          fault={fault}
          onCode={(code) => end(() => (isCode ? codeStep : recoveryStep)(session, step, { code }))}
        />
      ) : (
        <p role="alert">{fault?.text}</p>
      )}
      {has("totp") && has("recovery") && (
        <button type="button" onClick={() => setRecovery(!isRecovery)}>
          {isRecovery ? "I have my phone" : "I do not have my phone"}
        </button>
      )}
    </section>
  );
}

interface SecondStepProps {
  session: Session;
  step: SecondStep;
  onDone: () => void;
  onFailed: (error: unknown) => void;
}

/** Adds an authenticator app. `onFailed` gets `insufficient-user-authentication`: sign in again, or step up. */
export function AuthenticatorSetup({ factors, onDone, onFailed }: SetupProps) {
  const [setup, setSetup] = useState<TotpSecret | null>(null);
  const [codes, setCodes] = useState<readonly string[]>([]);
  const { fault, run } = useActs(onFailed);

  if (codes.length > 0) return <RecoveryCodes codes={codes} onKept={onDone} />;
  if (!setup) {
    return (
      <>
        <button type="button" onClick={() => void run(async () => setSetup(await factors.startTotp()))}>
          Add an authenticator app
        </button>
        <p role="alert">{fault?.text}</p>
      </>
    );
  }
  return (
    <section aria-label="Authenticator app">
      {setup.qr && <img src={`data:image/svg+xml,${encodeURIComponent(setup.qr)}`} alt="QR code of the secret below" />}
      <p>
        Scan it with your app, <a href={setup.uri}>open the app on this device</a>, or type in:{" "}
        <code>{setup.secret}</code>
      </p>
      <CodeForm
        label="The code that the app shows"
        fault={fault}
        onCode={(code) => void run(async () => setCodes(await factors.confirmTotp(code)))}
      />
    </section>
  );
}

interface SetupProps {
  factors: FactorActions;
  onDone: () => void;
  onFailed: (error: unknown) => void;
}

/** Shown once: the focus goes to the heading, so that a screen reader begins there. */
export function RecoveryCodes({ codes, onKept }: { codes: readonly string[]; onKept: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <section aria-label="Recovery codes">
      <h2 ref={heading} tabIndex={-1}>
        Keep these recovery codes
      </h2>
      <p>Each signs you in once, if your phone is gone. They are not shown again.</p>
      <ul>
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <button type="button" onClick={onKept}>
        I have kept them
      </button>
    </section>
  );
}

/** Below the second step, for a person who has lost everything: asks for the mail, and says when its link works. */
export function LostFactors({ session, step, onFailed }: LostFactorsProps) {
  const [recovery, setRecovery] = useState<FactorRecovery | null>(null);
  const { fault, run } = useActs(onFailed);

  if (recovery) {
    const from = new Date(recovery.ready_at * 1000).toLocaleString();
    return <p role="status">We have sent you a mail. From {from} on, its link signs you in without them.</p>;
  }
  return (
    <>
      <button type="button" onClick={() => void run(async () => setRecovery(await startRecovery(session, step)))}>
        I have lost my phone and my codes
      </button>
      <p role="alert">{fault?.text}</p>
    </>
  );
}

interface LostFactorsProps {
  session: Session;
  step: SecondStep;
  onFailed: (error: unknown) => void;
}

/**
 * The page of the mailed link. `onSignIn` shows the form for the password, from which `step` comes. `onFailed` gets
 * `invalid-link`, and where a second factor is required `second-factor-required`: enrol a new one.
 */
export function LostFactorsPage({ session, token, step, onSignIn, onDone, onFailed }: LostFactorsPageProps) {
  const [isKept, setKept] = useState(false);
  const { fault, run } = useActs(onFailed);

  if (isKept) return <p role="status">Your second step stays. Set a new password, if it was not you who asked.</p>;
  return (
    <section aria-label="Lost second step">
      <button type="button" onClick={() => void run(() => cancelRecovery(session, token).then(() => setKept(true)))}>
        Keep my second step
      </button>
      {step ? (
        <button type="button" onClick={() => void run(() => completeRecovery(session, step, token).then(onDone))}>
          Remove it and sign in
        </button>
      ) : (
        <button type="button" onClick={onSignIn}>
          I have lost it: sign in
        </button>
      )}
      <p role="alert">{fault?.text}</p>
    </section>
  );
}

interface LostFactorsPageProps {
  session: Session;
  token: string;
  step: SecondStep | null;
  onSignIn: () => void;
  onDone: () => void;
  onFailed: (error: unknown) => void;
}
