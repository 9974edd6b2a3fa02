/**
 * Acts that may ask for more than this session: a second key, or the password once more.
 *
 * What is asked for is shown in the place of `asking`; once it is given, the act is repeated, a single time.
 */

import { type SecondStep as Step, secondStepOf, stepUp } from "gatepass/factors";
import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";

import { account, session } from "../gate";
import { type Asked, askedOf, sentenceOf } from "../problem";
import { useAct, useStore } from "../store";
import { noticeOf } from "../store/ui";
import { PasswordField } from "./Field";
import { SecondStep } from "./SecondStep";
import { useOnce } from "./useOnce";

interface Pending {
  asked: Asked;
  /** Null: the password is asked for. */
  step: Step | null;
  act: () => Promise<void>;
}

interface StepUp {
  /** Runs an act. What it fails with is in `fault`. */
  run: (act: () => Promise<void>) => void;
  isBusy: boolean;
  fault: string | undefined;
  asking: ReactNode;
}

export function useStepUp(): StepUp {
  const dispatch = useAct();
  const keys = useStore((state) => state.factors.known);
  const { isBusy, once } = useOnce();
  const [fault, setFault] = useState<string>();
  const [pending, setPending] = useState<Pending | null>(null);
  const pressed = useRef<Element | null>(null);
  // With another key the answer would be another one.
  useEffect(() => setFault(undefined), [keys]);

  /** `isLast`: what is asked for has been given. Asking for it for ever would help nobody. */
  const run = (act: () => Promise<void>, isLast = false): void =>
    void once(async () => {
      if (!isLast) pressed.current = document.activeElement;
      setFault(undefined);
      setPending(null);
      try {
        await act();
      } catch (error) {
        const asked = isLast ? null : askedOf(error);
        if (asked === null) setFault(sentenceOf(error));
        else await ask(asked, act);
      }
    });

  async function ask(asked: Asked, act: () => Promise<void>): Promise<void> {
    try {
      setPending({ asked, act, step: asked.acr === null ? null : await stepUp(session) });
    } catch (error) {
      setFault(sentenceOf(error));
    }
  }

  /** The form goes, and the focus back to what was pressed. */
  function leave(): void {
    setPending(null);
    if (pressed.current instanceof HTMLElement) pressed.current.focus();
  }

  function given(): void {
    if (pending === null) return;
    dispatch(noticeOf(STEPPED_UP));
    run(pending.act, true);
  }

  const asking = pending !== null && (
    <Asking pending={pending} onStep={(step) => setPending({ ...pending, step })} onGiven={given} onLeft={leave} />
  );
  return { run: (act) => run(act), isBusy, fault, asking };
}

const STEPPED_UP = {
  headline: "A new session took the place of the old one",
  detail: "It knows both keys and when they were shown. The call was then made once more.",
  tone: "calm",
  promise: null,
} as const;

interface AskingProps {
  pending: Pending;
  onStep: (step: Step) => void;
  onGiven: () => void;
  onLeft: () => void;
}

function Asking({ pending: { asked, step }, onStep, onGiven, onLeft }: AskingProps) {
  const id = useId();
  return (
    <section className="asking" aria-labelledby={id}>
      <h3 id={id}>{step === null ? "Your password once more" : "This needs a second key"}</h3>
      <p className="aside">
        The server said what is missing: <code>acr_values={asked.acr ?? "–"}</code>{" "}
        <code>max_age={asked.maxAge ?? "–"}</code>
      </p>
      {step === null ? (
        <PasswordAgain onStep={onStep} onGiven={onGiven} />
      ) : (
        <SecondStep step={step} onDone={onGiven} />
      )}
      <button type="button" className="link" onClick={onLeft}>
        Not now
      </button>
    </section>
  );
}

/** For a sign-in that is too old. An account with a second key is asked for it afterwards. */
function PasswordAgain({ onStep, onGiven }: Pick<AskingProps, "onStep" | "onGiven">) {
  const form = useRef<HTMLFormElement>(null);
  const [fault, setFault] = useState<string>();
  const { isBusy, once } = useOnce();
  const focus = () => form.current?.querySelector("input")?.focus();
  useEffect(focus, []);

  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const password = String(new FormData(event.currentTarget).get("password"));
    void once(async () => {
      try {
        await account.signInAgain(password);
        onGiven();
      } catch (error) {
        const step = secondStepOf(error);
        if (step !== null) return onStep(step);
        setFault(sentenceOf(error));
        focus();
      }
    });
  }

  return (
    <form ref={form} noValidate onSubmit={submit}>
      <PasswordField isNew={false} fault={fault} />
      <button type="submit" className="button" aria-disabled={isBusy}>
        Go on
      </button>
    </form>
  );
}
