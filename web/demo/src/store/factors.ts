/** The second keys of the account. Secrets and codes are shown once, by the component that got them, and never stored. */

import { createAsyncThunk, createSlice } from "@reduxjs/toolkit";
import type { Factors } from "gatepass/factors";

import { factors } from "../gate";
import { asSentence } from "../problem";

const initialState: { known: Factors | null; error: string | null } = { known: null, error: null };

export const loadFactors = createAsyncThunk("factors/load", () => factors.list(), asSentence);

const slice = createSlice({
  name: "factors",
  initialState,
  reducers: {
    factorsForgotten: () => initialState,
  },
  extraReducers: (builder) => {
    builder
      .addCase(loadFactors.fulfilled, (state, { payload }) => {
        state.known = payload as typeof state.known;
        state.error = null;
      })
      .addCase(loadFactors.rejected, (state, { error }) => {
        state.error = error.message ?? null;
      });
  },
});

export const { factorsForgotten } = slice.actions;
export const factorsReducer = slice.reducer;
