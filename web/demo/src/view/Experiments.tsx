/** The experiments, each with what it will show and which promise it proves. */

import { useId } from "react";

import { answering, GROUPS, STATUSES } from "../experiments";
import type { Experiment } from "../scenes/experiment";
import { Offline } from "./Offline";
import { PromiseChip } from "./PromiseChip";
import { Theft } from "./Theft";
import { useRun } from "./useRun";

export function Experiments() {
  return (
    <section className="panel experiments" aria-labelledby="experiments-title">
      <h2 id="experiments-title">Try to break it</h2>
      {GROUPS.map((group) => (
        <div key={group.title} className="group">
          <h3>{group.title}</h3>
          {group.experiments.map((experiment) => (
            <Trial key={experiment.id} experiment={experiment} />
          ))}
          {group.title === "The way" && <Offline />}
          {group.title === "The pass" && <Answers />}
          {group.title === "The way" && <Theft />}
        </div>
      ))}
    </section>
  );
}

function Trial({ experiment }: { experiment: Experiment }) {
  const { busy, queue, run } = useRun();
  const id = useId();
  return (
    <div className="trial">
      <button
        type="button"
        className={experiment.isDanger ? "button danger" : "button"}
        aria-describedby={id}
        data-busy={busy === experiment.id}
        data-queued={queue.includes(experiment.id)}
        onClick={() => run(experiment)}
      >
        {experiment.label}
        {queue.includes(experiment.id) && busy !== experiment.id && <span className="hidden"> (waits its turn)</span>}
      </button>
      <p id={id} className="aside">
        {experiment.see} <PromiseChip id={experiment.promise} />
      </p>
    </div>
  );
}

function Answers() {
  const { busy, queue, run } = useRun();
  return (
    <div className="trial">
      <fieldset className="statuses">
        <legend className="hidden">Get an error answer</legend>
        {STATUSES.map(answering).map((experiment) => (
          <button
            key={experiment.id}
            type="button"
            className="button"
            aria-label={`Get a ${experiment.label}`}
            aria-describedby="answers-text"
            data-busy={busy === experiment.id}
            data-queued={queue.includes(experiment.id)}
            onClick={() => run(experiment)}
          >
            {experiment.label}
          </button>
        ))}
      </fieldset>
      <p id="answers-text" className="aside">
        An error that is not about the pass: handed on untouched, no refresh, and you stay signed in.
      </p>
    </div>
  );
}
