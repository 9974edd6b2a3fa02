/** A switch with its label and a line that explains it. */

import { type ReactNode, useId } from "react";

interface Props {
  isOn: boolean;
  label: string;
  children: ReactNode;
  onChange: (isOn: boolean) => void;
}

export function Switch({ isOn, label, children, onChange }: Props) {
  const id = useId();
  return (
    <div className="switch-row">
      <button
        type="button"
        role="switch"
        className="switch"
        aria-checked={isOn}
        aria-labelledby={`${id}-label`}
        aria-describedby={`${id}-text`}
        onClick={() => onChange(!isOn)}
      >
        <span />
      </button>
      <div>
        <p id={`${id}-label`} className="switch-label">
          {label}
        </p>
        <p id={`${id}-text`} className="aside">
          {children}
        </p>
      </div>
    </div>
  );
}
