import { isGatepassError, type Session } from "gatepass";
import type { FactorActions } from "gatepass/factors";
import { addPasskey, hasPasskeys, type Passkey, signInWithPasskey } from "gatepass/passkeys";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";

import { useActs } from "./second-factors.js";

/** A button; and passkeys in the field of the name, which has `autoComplete="username webauthn"`. */
export function PasskeySignIn({ session, onDone, onFailed }: SignInProps) {
  const { fault, run } = useActs(onFailed);
  const [round, setRound] = useState(0);
  const latest = useRef({ onDone, onFailed });
  useEffect(() => void Object.assign(latest.current, { onDone, onFailed }));

  // After a dialog that was closed, a new round: the field waits again.
  useEffect(() => {
    const leave = new AbortController();
    offer(session, leave.signal).then(
      (isTaken) => isTaken && latest.current.onDone(),
      // The person has asked for nothing yet, so they are told of no network.
      (error) => isGatepassError(error) && error.kind === "http" && latest.current.onFailed(error),
    );
    return () => leave.abort();
  }, [session, round]);

  if (!hasPasskeys()) return null;
  return (
    <>
      <button
        type="button"
        onClick={() =>
          void run(async () => {
            await signInWithPasskey(session).catch((error) => {
              setRound((rounds) => rounds + 1);
              throw error;
            });
            onDone();
          })
        }
      >
        Sign in with a passkey
      </button>
      <p role="alert">{fault?.text}</p>
    </>
  );
}

/** Waits until a passkey is taken in the field. False where the browser cannot, or the form is gone. */
async function offer(session: Session, signal: AbortSignal): Promise<boolean> {
  if (!hasPasskeys() || !(await PublicKeyCredential.isConditionalMediationAvailable())) return false;
  // Strict Mode makes two forms at once: the first, gone by now, must not end the request of the second.
  if (signal.aborted) return false;
  await signInWithPasskey(session, { mediation: "conditional", signal });
  return true;
}

interface SignInProps {
  session: Session;
  onDone: () => void;
  onFailed: (error: unknown) => void;
}

/** The account's passkeys. `onFailed` gets `insufficient-user-authentication`: sign in again, or step up. */
export function Passkeys({ session, factors, onFailed }: PasskeysProps) {
  const { fault, run } = useActs(onFailed);
  const [passkeys, setPasskeys] = useState<readonly Passkey[]>([]);
  const [told, setTold] = useState("");
  const heading = useRef<HTMLHeadingElement>(null);
  const load = async () => setPasskeys((await factors.list()).passkeys);
  useEffect(() => void load().catch(onFailed), [factors]); // once for each account

  function add(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const name = String(new FormData(form).get("name")).trim();
    void run(async () => {
      const added = await addPasskey(session, { name });
      form.reset();
      setTold(`${added.name} is added.`);
      await load();
    });
  }

  const remove = ({ id, name }: Passkey) =>
    void run(async () => {
      await factors.removePasskey(id);
      setTold(`${name} is removed.`);
      await load();
      heading.current?.focus(); // the button is gone
    });

  return (
    <section aria-label="Passkeys">
      <h2 ref={heading} tabIndex={-1}>
        Passkeys
      </h2>
      <ul>
        {passkeys.map((passkey) => (
          <Item
            key={passkey.id}
            passkey={passkey}
            onNamed={(name) => factors.renamePasskey(passkey.id, name).then(load)}
            onRemove={() => remove(passkey)}
            run={run}
          />
        ))}
      </ul>
      {hasPasskeys() && (
        <form onSubmit={add}>
          <label>
            Name of the new passkey <input name="name" maxLength={64} autoComplete="off" />
          </label>
          <button type="submit">Add a passkey</button>
        </form>
      )}
      <p role="alert">{fault?.text}</p>
      <p role="status">{told}</p>
    </section>
  );
}

interface PasskeysProps {
  session: Session;
  factors: FactorActions;
  onFailed: (error: unknown) => void;
}

function Item({ passkey: { name, created_at, synced }, onNamed, onRemove, run }: ItemProps) {
  const [isRenaming, setRenaming] = useState(false);
  const [field, button, fieldId] = [useRef<HTMLInputElement>(null), useRef<HTMLButtonElement>(null), useId()];
  const wasRenaming = useRef(false);
  useEffect(() => {
    if (isRenaming) field.current?.focus();
    if (isRenaming) field.current?.select();
    if (!isRenaming && wasRenaming.current) button.current?.focus();
    wasRenaming.current = isRenaming;
  }, [isRenaming]);

  function rename(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const wanted = String(new FormData(event.currentTarget).get("name")).trim();
    if (!wanted || wanted === name) return setRenaming(false); // nothing to save
    void run(() => onNamed(wanted).then(() => setRenaming(false)));
  }

  if (isRenaming)
    return (
      <li>
        <form onSubmit={rename}>
          <label htmlFor={fieldId}>New name of {name}</label>
          <input ref={field} id={fieldId} name="name" defaultValue={name} maxLength={64} autoComplete="off" />
          <button type="submit">Save</button>
          <button type="button" onClick={() => setRenaming(false)}>
            Cancel
          </button>
        </form>
      </li>
    );
  return (
    <li>
      {name}, of {new Date(created_at * 1000).toLocaleDateString()}, {synced ? "on all your devices" : "on one device"}
      <button ref={button} type="button" aria-label={`Rename ${name}`} onClick={() => setRenaming(true)}>
        Rename
      </button>
      <button type="button" aria-label={`Remove ${name}`} onClick={onRemove}>
        Remove
      </button>
    </li>
  );
}

interface ItemProps {
  passkey: Passkey;
  onNamed: (name: string) => Promise<void>;
  onRemove: () => void;
  run: (act: () => Promise<void>) => Promise<void>;
}
