/** Runs experiments one after the other, each in its own request group. What is pressed meanwhile waits its turn. */

import { useStore as useReduxStore } from "react-redux";
import { BATCH } from "../observe";
import { sentenceOf } from "../problem";
import type { Experiment } from "../scenes/experiment";
import { type State, useAct, useStore } from "../store";
import { experimentBegan } from "../store/activity";
import { busyWith, noticeOf, queued, unqueued } from "../store/ui";

let last: Promise<void> = Promise.resolve();

/** `busy` is the id of the running experiment, `queue` has those that follow. */
export function useRun(): { busy: string | null; queue: string[]; run: (experiment: Experiment) => void } {
  const dispatch = useAct();
  const { getState } = useReduxStore<State>();
  const { busy, queue } = useStore((state) => state.ui);

  function run(experiment: Experiment): void {
    const { ui } = getState();
    if (ui.isOffline && !experiment.isLocal) {
      dispatch(noticeOf(OFFLINE));
      return;
    }
    if (ui.queue.includes(experiment.id)) return;
    if (ui.busy !== null) dispatch(noticeOf(waiting(experiment)));
    dispatch(queued(experiment.id));
    last = last.then(() => perform(experiment));
  }

  async function perform(experiment: Experiment): Promise<void> {
    dispatch(unqueued(experiment.id));
    const { status } = getState().session;
    if (!experiment.isLocal && status !== "active" && status !== "degraded") return; // its session has ended meanwhile
    dispatch(busyWith(experiment.id));
    dispatch(experimentBegan({ experiment: experiment.id, at: performance.now(), wall: Date.now() }));
    try {
      await experiment.run(dispatch);
    } catch (error) {
      const detail = sentenceOf(error);
      dispatch(noticeOf({ headline: "That did not work", detail, tone: "trouble", promise: null }));
    } finally {
      // Its last facts are still on their way, and would be taken for those of the next one.
      await new Promise((resolve) => setTimeout(resolve, BATCH));
      dispatch(busyWith(null));
    }
  }

  return { busy, queue, run };
}

const OFFLINE = {
  headline: "This tab is offline",
  detail: "Nothing was sent, and nothing is lost: you are still signed in. Go back online first.",
  tone: "pending",
  promise: "P1",
} as const;

function waiting({ label }: Experiment) {
  return {
    headline: "One thing at a time",
    detail: `${label === "" ? "That" : `“${label}”`} follows as soon as this is done.`,
    tone: "pending",
    promise: null,
  } as const;
}
