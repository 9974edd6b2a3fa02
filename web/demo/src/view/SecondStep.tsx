/** The second step of a sign-in or of a step-up: a passkey, a code of an app, or a recovery code. */

import { codeStep, recoveryStep, type SecondStep as Step } from "gatepass/factors";
import { hasPasskeys, passkeyStep } from "gatepass/passkeys";
import { useEffect, useRef, useState } from "react";

import { session } from "../gate";
import { sentenceOf } from "../problem";
import { CodeForm } from "./CodeForm";
import { useOnce } from "./useOnce";

interface Props {
  step: Step;
  onDone: () => void;
}

export function SecondStep({ step, onDone }: Props) {
  const [isRecovery, setRecovery] = useState(false);
  const [fault, setFault] = useState<string>();
  const { isBusy, once } = useOnce();
  const first = useRef<HTMLButtonElement>(null);
  const hasPasskey = step.methods.includes("passkey") && hasPasskeys();
  const hasApp = step.methods.includes("totp");
  const hasRecovery = step.methods.includes("recovery");
  const isCode = hasApp && !isRecovery;
  const hasField = isCode || (hasRecovery && (isRecovery || !hasPasskey));

  // Where there is no field to begin in, the button is what comes next.
  useEffect(() => {
    if (!hasField) first.current?.focus();
  }, [hasField]);

  function end(act: () => Promise<unknown>): void {
    void once(async () => {
      try {
        await act();
      } catch (error) {
        setFault(sentenceOf(error));
        return;
      }
      onDone();
    });
  }

  return (
    <div className="second-step">
      {hasPasskey && (
        <button
          ref={first}
          type="button"
          className="button primary wide"
          aria-disabled={isBusy}
          onClick={() => end(() => passkeyStep(session, step))}
        >
          Use a passkey
        </button>
      )}
      {hasField ? (
        <CodeForm
          key={String(isCode)}
          kind={isCode ? "app" : "recovery"}
          label={isCode ? "Code of your authenticator app" : "Recovery code"}
          fault={fault}
          action="Go on"
          onCode={(code) => end(() => (isCode ? codeStep : recoveryStep)(session, step, { code }))}
        />
      ) : (
        fault !== undefined && (
          <p className="fault" role="alert">
            {fault}
          </p>
        )
      )}
      {hasRecovery && (hasApp || hasPasskey) && (
        <button
          type="button"
          className="link"
          onClick={() => {
            setRecovery(!isRecovery);
            setFault(undefined);
          }}
        >
          {isRecovery ? "I have my key" : "Use a recovery code"}
        </button>
      )}
    </div>
  );
}
