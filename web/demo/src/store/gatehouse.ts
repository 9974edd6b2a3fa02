/** What the server saw: its own events, fetched after something has happened here (never on a timer). */

import { createAsyncThunk, createSlice } from "@reduxjs/toolkit";

import { networkFetch } from "../network";

/** One event of the server; `at` is Unix seconds, `sid` the first characters of a session's id. */
export interface Sighting {
  n: number;
  at: number;
  name: string;
  sid: string | null;
  generation: number | null;
  case: string | null;
}

export interface Gatehouse {
  sightings: Sighting[];
  last: number;
}

const KEPT = 30;
const initialState: Gatehouse = { sightings: [], last: 0 };

export const lookIntoGatehouse = createAsyncThunk<
  { events: Sighting[]; last: number },
  undefined,
  { state: { gatehouse: Gatehouse } }
>("gatehouse/look", async (_, { getState }) => {
  const answer = await networkFetch(`/demo/log?after=${getState().gatehouse.last}`);
  if (!answer.ok) throw new Error(`The log answered ${answer.status}.`);
  return (await answer.json()) as { events: Sighting[]; last: number };
});

const slice = createSlice({
  name: "gatehouse",
  initialState,
  reducers: {},
  extraReducers: (builder) => {
    builder.addCase(lookIntoGatehouse.fulfilled, (state, { payload }) => {
      const known = new Set(state.sightings.map((sighting) => sighting.n));
      const fresh = payload.events.filter((event) => !known.has(event.n));
      state.sightings = [...fresh.reverse(), ...state.sightings].slice(0, KEPT);
      state.last = payload.last;
    });
  },
});

export const gatehouseReducer = slice.reducer;
