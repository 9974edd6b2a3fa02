/** What the buttons of the demo have changed, and what there is to say beyond the log-book. */

import { createSlice, type PayloadAction } from "@reduxjs/toolkit";

import type { Story } from "./narrate";

/** A story that is not in the log-book. `at` is ms of performance.now(); a quiet one is not read out. */
export interface Notice extends Story {
  at: number;
  isQuiet?: true;
}

export interface Stage {
  isOffline: boolean;
  isStrolling: boolean;
  busy: string | null;
  notice: Notice | null;
}

const initialState: Stage = { isOffline: false, isStrolling: true, busy: null, notice: null };

const slice = createSlice({
  name: "stage",
  initialState,
  reducers: {
    networkSwitched(state, { payload }: PayloadAction<boolean>) {
      state.isOffline = payload;
    },
    strollSwitched(state, { payload }: PayloadAction<boolean>) {
      state.isStrolling = payload;
    },
    busyWith(state, { payload }: PayloadAction<string | null>) {
      state.busy = payload;
    },
    noticed(state, { payload }: PayloadAction<Notice>) {
      state.notice = payload;
    },
  },
});

export const { networkSwitched, strollSwitched, busyWith, noticed } = slice.actions;
export const stageReducer = slice.reducer;
