import { isGatepassError, type Session } from "gatepass";
import { type MailCode, requestMailCode, signInByMailCode } from "gatepass/mail-codes";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";

/** An address, then the code that was mailed there. `onFailed` gets `second-factor-required` above all. */
export function MailCodeForm({ session, onDone, onFailed }: MailCodeFormProps) {
  const [email, setEmail] = useState("");
  const [asked, setAsked] = useState<MailCode | null>(null);
  const [told, setTold] = useState<{ text: string; isFault?: boolean }>({ text: "" });
  const isBusy = useRef(false);

  /** One act at a time: a double click sends no second mail. */
  async function run(act: () => Promise<void>) {
    if (isBusy.current) return;
    isBusy.current = true;
    try {
      await act();
    } catch (error) {
      const code = isGatepassError(error) && error.problem?.code;
      if (code === "sign-in-expired") setAsked(null); // another code is needed
      const text = faultOf(error);
      if (text) setTold({ text, isFault: true });
      else onFailed(error);
    } finally {
      isBusy.current = false;
    }
  }

  const ask = (address: string) =>
    run(async () => {
      setAsked(await requestMailCode(session, { email: address, again: asked }));
      setEmail(address);
      setTold({ text: `If there is an account for ${address}, a code is on its way there.` });
    });
  const show = (code: string) =>
    run(async () => {
      await signInByMailCode(session, asked!, { code });
      onDone();
    });

  return (
    <section aria-label="Sign in with a code by mail">
      {asked ? (
        <Field key="code" label="The code in the mail" {...told} autoComplete="one-time-code" onText={show} />
      ) : (
        <Field key="email" label="E-mail address" {...told} type="email" autoComplete="email" onText={ask} />
      )}
      {asked && (
        <>
          <button type="button" onClick={() => void ask(email)}>
            Send it again
          </button>
          <button
            type="button"
            onClick={() => {
              setAsked(null);
              setTold({ text: "" });
            }}
          >
            Another address
          </button>
        </>
      )}
    </section>
  );
}

interface MailCodeFormProps {
  session: Session;
  onDone: () => void;
  onFailed: (error: unknown) => void;
}

/** What the person can mend here. */
function faultOf(error: unknown): string | null {
  if (!isGatepassError(error)) return null;
  if (error.kind === "network" || error.kind === "timeout") return "No connection. Try again.";
  switch (error.problem?.code) {
    case "invalid-mail-code":
      return "This code is wrong. Type it again, or have another one sent.";
    case "sign-in-expired":
      return "This took too long, or was done before. Have another code sent.";
    case "invalid-body":
      return "This is not an e-mail address.";
    case "too-many-attempts":
      return error.problem.detail ?? "Too many codes. Wait a while.";
    default:
      return null;
  }
}

/** One field with what is told about it. It has the focus when it appears, and again after a fault. */
function Field({ label, text, isFault = false, type = "text", autoComplete, onText }: FieldProps) {
  const [field, fieldId, toldId] = [useRef<HTMLInputElement>(null), useId(), useId()];
  useEffect(() => {
    field.current?.focus();
    if (isFault) field.current?.select();
  }, [isFault]);

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    onText(String(new FormData(event.currentTarget).get("text")));
  }

  return (
    <form onSubmit={submit}>
      <label htmlFor={fieldId}>{label}</label>
      <input
        ref={field}
        id={fieldId}
        name="text"
        type={type}
        required
        autoComplete={autoComplete}
        autoCapitalize="none"
        spellCheck={false}
        aria-invalid={isFault}
        aria-describedby={toldId}
      />
      <p id={toldId} role={isFault ? "alert" : "status"}>
        {text}
      </p>
      <button type="submit">Continue</button>
    </form>
  );
}

interface FieldProps {
  label: string;
  text: string;
  isFault?: boolean;
  type?: "text" | "email";
  autoComplete: string;
  onText: (text: string) => void;
}
