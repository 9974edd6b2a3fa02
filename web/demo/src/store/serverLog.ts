/** The events that the server has recorded, fetched after something has happened here (never on a timer). */

import { createAsyncThunk, createSlice } from "@reduxjs/toolkit";

import { networkFetch } from "../network";

/** One event of the server; `at` is Unix seconds, `sid` the first characters of a session's id. */
export interface ServerEvent {
  n: number;
  at: number;
  name: string;
  sid: string | null;
  generation: number | null;
  case: string | null;
}

export interface ServerLog {
  events: ServerEvent[];
  last: number;
}

const KEPT = 30;
const initialState: ServerLog = { events: [], last: 0 };

export const loadServerLog = createAsyncThunk<
  { events: ServerEvent[]; last: number },
  undefined,
  { state: { serverLog: ServerLog } }
>("serverLog/load", async (_, { getState }) => {
  const answer = await networkFetch(`/demo/log?after=${getState().serverLog.last}`);
  if (!answer.ok) throw new Error(`The log answered ${answer.status}.`);
  return (await answer.json()) as { events: ServerEvent[]; last: number };
});

const slice = createSlice({
  name: "serverLog",
  initialState,
  reducers: {},
  extraReducers: (builder) => {
    builder.addCase(loadServerLog.fulfilled, (state, { payload }) => {
      const known = new Set(state.events.map((event) => event.n));
      const fresh = payload.events.filter((event) => !known.has(event.n));
      state.events = [...fresh.reverse(), ...state.events].slice(0, KEPT);
      state.last = payload.last;
    });
  },
});

export const serverLogReducer = slice.reducer;
