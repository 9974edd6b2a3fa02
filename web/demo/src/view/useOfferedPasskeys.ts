/** Has the browser offer passkeys in the field of the name, beside addresses, for as long as the form is there. */

import { isGatepassError } from "gatepass";
import { hasPasskeys, signInWithPasskey } from "gatepass/passkeys";
import { useEffect, useRef, useState } from "react";

import { session } from "../gate";

/** What a person who has taken a passkey is told. Anything else, such as no network, is nothing that they have asked for. */
const TOLD = new Set(["unknown-credential", "passkey-refused"]);

/** `onRefused` gets the error of a passkey that was taken. Returns what offers them again, after a dialog of a button. */
export function useOfferedPasskeys(isOn: boolean, onRefused: (error: unknown) => void): () => void {
  const [round, setRound] = useState(0);
  const refused = useRef(onRefused);
  refused.current = onRefused;

  useEffect(() => {
    if (!isOn || !hasPasskeys()) return;
    const leave = new AbortController();
    offer(leave.signal).catch((error) => {
      if (leave.signal.aborted || !isGatepassError(error) || !TOLD.has(error.problem?.code ?? "")) return;
      refused.current(error);
      setRound((known) => known + 1);
    });
    return () => leave.abort();
  }, [isOn, round]);

  return () => setRound((known) => known + 1);
}

async function offer(signal: AbortSignal): Promise<void> {
  const isOffered = await PublicKeyCredential.isConditionalMediationAvailable();
  // A form that is gone by now, as the first of two that Strict Mode makes, would end the request of the other.
  if (isOffered && !signal.aborted) await signInWithPasskey(session, { mediation: "conditional", signal });
}
