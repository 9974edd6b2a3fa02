/** One field for a code. It has the focus when it appears, and again after a fault, which is read out. */

import { type FormEvent, useEffect, useRef } from "react";

import { Field } from "./Field";

interface Props {
  kind: "app" | "recovery";
  label: string;
  fault: string | undefined;
  action: string;
  onCode: (code: string) => void;
}

export function CodeForm({ kind, label, fault, action, onCode }: Props) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    field.current?.focus();
    if (fault !== undefined) field.current?.select(); // the next code takes the place of the wrong one
  }, [fault]);

  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const code = String(new FormData(event.currentTarget).get("code")).trim();
    if (code !== "") onCode(code);
    else field.current?.focus();
  }

  return (
    <form className="code-form" noValidate onSubmit={submit}>
      <Field
        ref={field}
        label={label}
        name="code"
        required
        autoComplete={kind === "app" ? "one-time-code" : "off"}
        inputMode={kind === "app" ? "numeric" : "text"}
        autoCapitalize="characters"
        spellCheck={false}
        fault={fault}
      >
        <button type="submit" className="button">
          {action}
        </button>
      </Field>
    </form>
  );
}
