/** A door that a password alone does not open, and what it says then. */

import { useEffect, useRef, useState } from "react";

import { api } from "../gate";
import { Dial } from "./icons";
import { useStepUp } from "./useStepUp";

interface Opened {
  inside: string;
  methods: string[];
}

export function Safe() {
  const { run, isBusy, fault, asking } = useStepUp();
  const [opened, setOpened] = useState<Opened | null>(null);
  const inside = useRef<HTMLParagraphElement>(null);
  const door = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(false);
  // What was pressed is gone: go on with what it has opened, or with the door.
  useEffect(() => {
    if (opened !== null) inside.current?.focus();
    else if (wasOpen.current) door.current?.focus();
    wasOpen.current = opened !== null;
  }, [opened]);

  return (
    <section className="panel safe" aria-labelledby="safe-title" data-open={opened !== null}>
      <div className="safe-top">
        <Dial />
        <div>
          <h2 id="safe-title">The safe</h2>
          <p className="aside">Opens for two keys only, the second of them shown within the last minute.</p>
        </div>
      </div>
      {opened === null ? (
        <button
          ref={door}
          type="button"
          className="button primary"
          data-busy={isBusy}
          onClick={() => run(async () => setOpened((await api.post<Opened>("/api/safe")).data))}
        >
          Open the safe
        </button>
      ) : (
        <div className="inside">
          <p ref={inside} tabIndex={-1}>
            <strong>It is open.</strong> {opened.inside}
          </p>
          <p className="aside">
            Your session says how you came in: <code>{opened.methods.join(" ")}</code>
          </p>
          <button type="button" className="button" onClick={() => setOpened(null)}>
            Close the safe
          </button>
        </div>
      )}
      {fault !== undefined && (
        <p className="fault" role="alert">
          {fault}
        </p>
      )}
      {asking}
    </section>
  );
}
