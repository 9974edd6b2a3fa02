/** Everything that can be tried, each with what will be seen and which promise it shows. */

import { useId } from "react";

import { answering, type Experiment, GROUPS, STATUSES, switchNetwork } from "../experiments";
import { sentenceOf } from "../problem";
import { useAct, useStore } from "../store";
import { experimentBegan } from "../store/activity";
import { busyWith, noticed } from "../store/stage";
import { PromiseChip } from "./PromiseChip";
import { Switch } from "./Switch";

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
        </div>
      ))}
    </section>
  );
}

/** Run an experiment as an episode of its own, one at a time. */
function useRun(): { busy: string | null; run: (experiment: Experiment) => void } {
  const dispatch = useAct();
  const busy = useStore((state) => state.stage.busy);

  async function run(experiment: Experiment): Promise<void> {
    const at = performance.now();
    dispatch(busyWith(experiment.id));
    dispatch(experimentBegan({ experiment: experiment.id, at, wall: Date.now() }));
    try {
      await experiment.run(dispatch);
    } catch (error) {
      const detail = sentenceOf(error);
      dispatch(
        noticed({ at: performance.now(), headline: "That did not work", detail, tone: "trouble", promise: null }),
      );
    } finally {
      dispatch(busyWith(null));
    }
  }

  return { busy, run: (experiment) => void (busy === null && run(experiment)) };
}

function Trial({ experiment }: { experiment: Experiment }) {
  const { busy, run } = useRun();
  const id = useId();
  return (
    <div className="trial">
      <button
        type="button"
        className={experiment.isDanger ? "button danger" : "button"}
        aria-describedby={id}
        aria-disabled={busy !== null}
        data-busy={busy === experiment.id}
        onClick={() => run(experiment)}
      >
        {experiment.label}
      </button>
      <p id={id} className="aside">
        {experiment.see} <PromiseChip id={experiment.promise} />
      </p>
    </div>
  );
}

function Answers() {
  const { busy, run } = useRun();
  return (
    <div className="trial">
      <fieldset className="statuses">
        <legend className="hidden">Get an error answer</legend>
        {STATUSES.map((status) => (
          <button
            key={status}
            type="button"
            className="button"
            aria-label={`Get a ${status}`}
            aria-describedby="answers-text"
            aria-disabled={busy !== null}
            onClick={() => run(answering(status))}
          >
            {status}
          </button>
        ))}
      </fieldset>
      <p id="answers-text" className="aside">
        An error that is not about the pass: handed on untouched, no refresh, and nobody is signed out.
      </p>
    </div>
  );
}

function Offline() {
  const { run } = useRun();
  const isOffline = useStore((state) => state.stage.isOffline);
  const flip = (isOn: boolean): Experiment => ({
    id: isOn ? "offline" : "online",
    label: "",
    see: "",
    promise: null,
    run: (dispatch) => switchNetwork(dispatch, isOn),
  });
  return (
    <Switch isOn={isOffline} onChange={(isOn) => run(flip(isOn))} label="Go offline">
      This tab loses its network. Calls fail, the session does not; back online, work goes on. <PromiseChip id="P1" />
    </Switch>
  );
}
