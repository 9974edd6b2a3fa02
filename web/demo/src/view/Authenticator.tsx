/** The authenticator app of the account, and its recovery codes, which are shown once. */

import type { Factors, TotpSecret } from "gatepass/factors";
import { useEffect, useRef, useState } from "react";

import { factors } from "../gate";
import { sentenceOf } from "../problem";
import { useAct } from "../store";
import { count } from "../store/describe";
import { loadFactors } from "../store/factors";
import { CodeForm } from "./CodeForm";
import { Phone } from "./icons";
import { QrCode } from "./QrCode";
import { useOnce } from "./useOnce";
import { useStepUp } from "./useStepUp";

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

export function Authenticator({ factors: known }: { factors: Factors }) {
  const dispatch = useAct();
  const { run, isBusy, fault, asking } = useStepUp();
  const [setup, setSetup] = useState<TotpSecret | null>(null);
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const hasSecond = known.totp !== null || known.passkeys.length > 0;
  const proceed = () => heading.current?.focus(); // what was pressed is gone

  const renew = () => run(async () => setCodes(await factors.renewRecoveryCodes()));
  const remove = () =>
    run(async () => {
      await factors.removeTotp();
      await dispatch(loadFactors());
      proceed();
    });

  return (
    <div className="key-kind">
      <h3 ref={heading} tabIndex={-1}>
        <Phone /> Authenticator app
      </h3>
      {codes !== null ? (
        <RecoveryCodes
          codes={codes}
          onKept={() => {
            setCodes(null);
            void dispatch(loadFactors()).then(proceed);
          }}
        />
      ) : setup !== null ? (
        <Setup
          setup={setup}
          onCodes={(shown) => {
            setSetup(null);
            setCodes(shown);
          }}
          onLeft={() => {
            setSetup(null);
            proceed();
          }}
        />
      ) : (
        <>
          <p className="empty">
            {known.totp === null
              ? "None yet. An app shows six digits that change every half minute."
              : `Added ${day.format(known.totp.created_at * 1000)}. Its codes change every half minute.`}
          </p>
          <div className="key-acts">
            {known.totp === null ? (
              <button
                type="button"
                className="button"
                data-busy={isBusy}
                onClick={() => run(async () => setSetup(await factors.startTotp()))}
              >
                Add an authenticator app
              </button>
            ) : (
              <button type="button" className="button" data-busy={isBusy} onClick={remove}>
                Remove the app
              </button>
            )}
            {hasSecond && (
              <button type="button" className="button" data-busy={isBusy} onClick={renew}>
                Ten new recovery codes
              </button>
            )}
          </div>
          {hasSecond && <p className="aside">{count(known.recovery_codes, "recovery code")} left, for a lost phone.</p>}
        </>
      )}
      {fault !== undefined && (
        <p className="fault" role="alert">
          {fault}
        </p>
      )}
      {asking}
    </div>
  );
}

interface SetupProps {
  setup: TotpSecret;
  onCodes: (codes: readonly string[]) => void;
  onLeft: () => void;
}

function Setup({ setup, onCodes, onLeft }: SetupProps) {
  const [fault, setFault] = useState<string>();
  const { once } = useOnce();
  const confirm = (code: string) =>
    void once(async () => {
      try {
        onCodes(await factors.confirmTotp(code));
      } catch (error) {
        setFault(sentenceOf(error));
      }
    });

  return (
    <div className="app-setup">
      {setup.qr !== null && <QrCode svg={setup.qr} />}
      <p>
        Scan this with your app, <a href={setup.uri}>open the app on this device</a>, or type in:{" "}
        <code className="secret">{setup.secret}</code>
      </p>
      <CodeForm kind="app" label="The code that the app shows" fault={fault} action="Add it" onCode={confirm} />
      <button type="button" className="link" onClick={onLeft}>
        Not now
      </button>
    </div>
  );
}

/** The focus goes to the heading, so that a screen reader begins there. */
function RecoveryCodes({ codes, onKept }: { codes: readonly string[]; onKept: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <div className="recovery">
      <h4 ref={heading} tabIndex={-1}>
        Keep these recovery codes
      </h4>
      <p className="aside">Each stands in for your second key once. They are not shown again, here or anywhere.</p>
      <ul className="codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <button type="button" className="button primary" onClick={onKept}>
        I have kept them
      </button>
    </div>
  );
}
