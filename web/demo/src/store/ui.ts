/** The state of the page's switches and buttons, and the newest notice. */

import { createSlice, type PayloadAction } from "@reduxjs/toolkit";
import type { EndReason } from "gatepass";

import type { Description } from "./describe";

/**
 * A description that is not in the log-book. `at` is ms of performance.now(); a quiet one is not announced. `evidence`:
 * the reason of the end that it proves, on whose page it stays.
 */
export interface Notice extends Description {
  at: number;
  isQuiet?: true;
  evidence?: EndReason;
}

export interface Ui {
  isOffline: boolean;
  isPolling: boolean;
  /** The running experiment, and those that were pressed meanwhile, by their ids. */
  busy: string | null;
  queue: string[];
  notice: Notice | null;
}

const initialState: Ui = { isOffline: false, isPolling: true, busy: null, queue: [], notice: null };

const slice = createSlice({
  name: "ui",
  initialState,
  reducers: {
    networkSwitched(state, { payload }: PayloadAction<boolean>) {
      state.isOffline = payload;
    },
    pollingSwitched(state, { payload }: PayloadAction<boolean>) {
      state.isPolling = payload;
    },
    busyWith(state, { payload }: PayloadAction<string | null>) {
      state.busy = payload;
    },
    queued(state, { payload }: PayloadAction<string>) {
      state.queue.push(payload);
    },
    unqueued(state, { payload }: PayloadAction<string>) {
      state.queue = state.queue.filter((id) => id !== payload);
    },
    noticed(state, { payload }: PayloadAction<Notice>) {
      state.notice = payload;
    },
  },
});

export const { networkSwitched, pollingSwitched, busyWith, queued, unqueued, noticed } = slice.actions;

/** A notice of now. */
export function noticeOf(description: Description) {
  return noticed({ ...description, at: performance.now() });
}

/** A notice of now that stays on the page of an end. */
export function evidenceOf(evidence: EndReason, description: Description) {
  return noticed({ ...description, evidence, at: performance.now() });
}

export const uiReducer = slice.reducer;
