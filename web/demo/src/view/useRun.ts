/** Runs experiments one at a time, each in its own request group. */

import type { Experiment } from "../experiments";
import { sentenceOf } from "../problem";
import { useAct, useStore } from "../store";
import { experimentBegan } from "../store/activity";
import { busyWith, noticed } from "../store/ui";

/** `busy` is the id of the running experiment; meanwhile `run` does nothing. */
export function useRun(): { busy: string | null; run: (experiment: Experiment) => void } {
  const dispatch = useAct();
  const busy = useStore((state) => state.ui.busy);

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
