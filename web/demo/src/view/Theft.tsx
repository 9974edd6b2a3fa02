/** The scene of the thief: a choice of sites, one button, and what became of both. */

import { useId, useState } from "react";

import type { Experiment } from "../scenes/experiment";
import { describeLesson, type Lesson, play, SITES, type Site, type Step } from "../scenes/theft";
import { noticeOf } from "../store/ui";
import { PromiseChip } from "./PromiseChip";
import { useRun } from "./useRun";

const WORDS: Record<Step["who"], { name: string; first: string; again: string }> = {
  thief: { name: "Thief", first: "shows the copy", again: "tries once more" },
  owner: { name: "You", first: "come with your card", again: "come with your card" },
};

export function Theft() {
  const { busy, queue, run } = useRun();
  const id = useId();
  const [site, setSite] = useState<Site>("gatepass");
  const [lesson, setLesson] = useState<Lesson | null>(null);

  const theft: Experiment = {
    id: "thief",
    label: "A thief copies my card",
    see: "",
    promise: "P2",
    async run(dispatch) {
      setLesson(null);
      const learnt = await play(site);
      setLesson(learnt);
      dispatch(noticeOf(describeLesson(learnt)));
    },
  };

  function choose(next: Site): void {
    setSite(next);
    setLesson(null);
  }

  return (
    <div className="theft">
      <h3>A thief</h3>
      <fieldset className="sites">
        <legend>
          What if somebody copies your card? <PromiseChip id="P2" />
        </legend>
        {(Object.keys(SITES) as Site[]).map((one) => (
          <label key={one}>
            <input type="radio" name={id} checked={site === one} onChange={() => choose(one)} />
            {SITES[one].label}
          </label>
        ))}
      </fieldset>
      <button
        type="button"
        className="button danger"
        data-busy={busy === theft.id}
        data-queued={queue.includes(theft.id)}
        onClick={() => run(theft)}
      >
        {theft.label}
        {queue.includes(theft.id) && busy !== theft.id && <span className="hidden"> (waits its turn)</span>}
      </button>
      {lesson !== null && <Outcome lesson={lesson} />}
    </div>
  );
}

function Outcome({ lesson: { site, steps } }: { lesson: Lesson }) {
  return (
    <div className="outcome">
      <ol className="steps">
        {steps.map(({ who, isIn }, index) => (
          <li key={index} data-who={who} data-in={isIn}>
            <strong>{WORDS[who].name}</strong> {index === 0 || who === "owner" ? WORDS[who].first : WORDS[who].again}
            <span className="verdict">{isIn ? "let in" : "turned away"}</span>
          </li>
        ))}
      </ol>
      <p>{SITES[site].sentences.join(" ")}</p>
    </div>
  );
}
