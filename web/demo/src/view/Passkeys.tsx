/** The passkeys of the account, each with its name, and a form to add one. */

import { addPasskey, type Passkey } from "gatepass/passkeys";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";

import { factors, session } from "../gate";
import { sentenceOf } from "../problem";
import { useAct } from "../store";
import { loadFactors } from "../store/factors";
import { noticeOf } from "../store/ui";
import { Field } from "./Field";
import { Key } from "./icons";
import { useStepUp } from "./useStepUp";

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

export function Passkeys({ passkeys }: { passkeys: readonly Passkey[] }) {
  const dispatch = useAct();
  const { run, isBusy, fault, asking } = useStepUp();
  const heading = useRef<HTMLHeadingElement>(null);
  const form = useRef<HTMLFormElement>(null);

  function add(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name")).trim();
    run(async () => {
      const added = await addPasskey(session, { name });
      form.current?.reset();
      dispatch(noticeOf({ headline: `${added.name} is added`, detail: ADDED, tone: "calm", promise: null }));
      await dispatch(loadFactors());
    });
  }

  const remove = ({ id }: Passkey) =>
    run(async () => {
      await factors.removePasskey(id);
      await dispatch(loadFactors());
      heading.current?.focus(); // its row, and the button in it, are gone
    });

  return (
    <div className="key-kind">
      <h3 ref={heading} tabIndex={-1}>
        <Key /> Passkeys
      </h3>
      <ul className="list">
        {passkeys.map((passkey) => (
          <PasskeyRow key={passkey.id} passkey={passkey} onRemove={() => remove(passkey)} />
        ))}
      </ul>
      {passkeys.length === 0 && (
        <p className="empty">None yet. A passkey is two keys in one: a device, and its owner.</p>
      )}
      <form ref={form} className="add-passkey" noValidate onSubmit={add}>
        <Field label="Name of the new passkey" name="name" maxLength={64} placeholder="My phone" autoComplete="off">
          <button type="submit" className="button" data-busy={isBusy}>
            Add a passkey
          </button>
        </Field>
      </form>
      {fault !== undefined && (
        <p className="fault" role="alert">
          {fault}
        </p>
      )}
      {asking}
    </div>
  );
}

const ADDED = "Sign out and in again with it: no name, no password, and a false page could not use it.";

function PasskeyRow({ passkey, onRemove }: { passkey: Passkey; onRemove: () => void }) {
  const [isRenaming, setRenaming] = useState(false);
  const rename = useRef<HTMLButtonElement>(null);
  const wasRenaming = useRef(false);
  useEffect(() => {
    if (!isRenaming && wasRenaming.current) rename.current?.focus();
    wasRenaming.current = isRenaming;
  }, [isRenaming]);

  if (isRenaming) return <Renaming passkey={passkey} onDone={() => setRenaming(false)} />;
  const used = passkey.last_used_at === null ? "not used yet" : `last used ${day.format(passkey.last_used_at * 1000)}`;
  return (
    <li>
      <div className="grow">
        <p className="device-name">{passkey.name}</p>
        <p className="aside">
          {passkey.synced ? "On all devices of its owner" : "In one device"}, {used}
        </p>
      </div>
      <button
        ref={rename}
        type="button"
        className="button quiet small"
        aria-label={`Rename the passkey ${passkey.name}`}
        onClick={() => setRenaming(true)}
      >
        Rename
      </button>
      <button
        type="button"
        className="button quiet small"
        aria-label={`Remove the passkey ${passkey.name}`}
        onClick={onRemove}
      >
        Remove
      </button>
    </li>
  );
}

function Renaming({ passkey, onDone }: { passkey: Passkey; onDone: () => void }) {
  const dispatch = useAct();
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [fault, setFault] = useState<string>();
  useEffect(() => {
    field.current?.focus(); // select() alone does that in some browsers only
    field.current?.select();
  }, []);

  async function save(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name")).trim();
    if (name === "" || name === passkey.name) return onDone();
    try {
      await factors.renamePasskey(passkey.id, name);
      await dispatch(loadFactors());
      onDone();
    } catch (error) {
      setFault(sentenceOf(error));
      field.current?.focus();
    }
  }

  return (
    <li>
      <form className="renaming" noValidate onSubmit={(event) => void save(event)}>
        <label className="hidden" htmlFor={id}>
          New name of {passkey.name}
        </label>
        <input
          ref={field}
          id={id}
          name="name"
          defaultValue={passkey.name}
          maxLength={64}
          autoComplete="off"
          aria-invalid={fault !== undefined}
          aria-describedby={fault && `${id}-fault`}
          onKeyDown={({ key }) => key === "Escape" && onDone()}
        />
        <button type="submit" className="button small">
          Save
        </button>
        <button type="button" className="button quiet small" onClick={onDone}>
          Cancel
        </button>
        {fault !== undefined && (
          <p id={`${id}-fault`} className="fault" role="alert">
            {fault}
          </p>
        )}
      </form>
    </li>
  );
}
