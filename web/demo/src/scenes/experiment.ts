/** What an experiment is: a button, what it will show, and what it does. */

import type { Dispatch } from "../store";
import type { PromiseId } from "../store/describe";

export interface Experiment {
  id: string;
  label: string;
  see: string;
  promise: PromiseId | null;
  isDanger?: true;
  /** Works without a network. All others are refused with a sentence then. */
  isLocal?: true;
  run: (dispatch: Dispatch) => Promise<void>;
}
