/** Form fields with their label, rule and fault, connected for screen readers. */

import { type InputHTMLAttributes, type ReactNode, type Ref, useId, useState } from "react";

interface Props extends InputHTMLAttributes<HTMLInputElement> {
  ref?: Ref<HTMLInputElement>;
  label: string;
  fault?: string | undefined;
  rule?: string;
  children?: ReactNode;
}

/** A labelled input. `children` stand beside it. */
export function Field({ label, fault, rule, children, ...input }: Props) {
  const id = useId();
  const described = [rule && `${id}-rule`, fault && `${id}-fault`].filter(Boolean).join(" ");
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="field-row">
        <input id={id} {...input} aria-invalid={fault !== undefined} aria-describedby={described || undefined} />
        {children}
      </div>
      {rule !== undefined && (
        <p id={`${id}-rule`} className="aside">
          {rule}
        </p>
      )}
      {fault !== undefined && (
        <p id={`${id}-fault`} className="fault" role="alert">
          {fault}
        </p>
      )}
    </div>
  );
}

/** A password field that can show its text and allows pasting and password managers. */
export function PasswordField({ isNew, fault }: { isNew: boolean; fault?: string | undefined }) {
  const [isVisible, setVisible] = useState(false);
  return (
    <Field
      label="Password"
      name="password"
      type={isVisible ? "text" : "password"}
      autoComplete={isNew ? "new-password" : "current-password"}
      spellCheck={false}
      autoCapitalize="none"
      fault={fault}
      {...(isNew && { rule: "At least 8 characters. A few words are better than one odd one." })}
    >
      <button
        type="button"
        className="button quiet small"
        aria-pressed={isVisible}
        onClick={() => setVisible(!isVisible)}
      >
        Show<span className="hidden"> the password</span>
      </button>
    </Field>
  );
}
