/** The state of the page's switches and buttons, and the newest notice. */

import { createSlice, type PayloadAction } from "@reduxjs/toolkit";

import type { Description } from "./describe";

/** A description that is not in the log-book. `at` is ms of performance.now(); a quiet one is not announced. */
export interface Notice extends Description {
  at: number;
  isQuiet?: true;
}

export interface Ui {
  isOffline: boolean;
  isPolling: boolean;
  busy: string | null;
  notice: Notice | null;
}

const initialState: Ui = { isOffline: false, isPolling: true, busy: null, notice: null };

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
    noticed(state, { payload }: PayloadAction<Notice>) {
      state.notice = payload;
    },
  },
});

export const { networkSwitched, pollingSwitched, busyWith, noticed } = slice.actions;
export const uiReducer = slice.reducer;
