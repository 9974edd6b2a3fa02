/** The guard's log-book (request groups, newest first), and the last 90 seconds for the timeline. */

import { createSlice, type PayloadAction } from "@reduxjs/toolkit";

import { belongs, type Fact, isPoll, type RequestGroup, record } from "./requestGroup";

/** The time that the timeline shows, ms. */
export const WINDOW = 90_000;
const KEPT = 12;

/** An access token that was received at `at` and is valid for `lifetime` ms. */
export interface Pass {
  at: number;
  lifetime: number;
  generation: number | null;
}

/** A call on the timeline. */
export interface Mark {
  at: number;
  status: number;
}

export interface Activity {
  groups: RequestGroup[];
  passes: Pass[];
  marks: Mark[];
  count: number;
}

const initialState: Activity = { groups: [], passes: [], marks: [], count: 0 };

const slice = createSlice({
  name: "activity",
  initialState,
  reducers: {
    /** A button was pressed: the facts that follow belong to a new group. */
    experimentBegan(state, { payload }: PayloadAction<{ experiment: string; at: number; wall: number }>) {
      begin(state, payload);
    },
    /** The session has reported these facts, in this order. */
    factsSeen(state, { payload }: PayloadAction<{ facts: Fact[]; wall: number }>) {
      for (const fact of payload.facts) {
        const home = homeOf(state.groups, fact) ?? begin(state, { experiment: null, at: fact.at, wall: payload.wall });
        record(home, fact);
        if (fact.kind === "call" && fact.phase === "end") state.marks.push({ at: fact.at, status: fact.status });
      }
      const latest = payload.facts.at(-1)?.at ?? 0;
      state.marks = state.marks.filter((mark) => mark.at > latest - WINDOW);
    },
    /** The session has a new access token. */
    passTaken(state, { payload }: PayloadAction<Pass>) {
      state.passes = [...state.passes.filter((pass) => pass.at > payload.at - 2 * WINDOW), payload];
    },
    /** The session has ended. The log-book stays, so that the visitor can read why. */
    passDropped(state) {
      state.passes = [];
      state.marks = [];
    },
  },
});

export const { experimentBegan, factsSeen, passTaken, passDropped } = slice.actions;
export const activityReducer = slice.reducer;

function begin(
  state: Activity,
  { experiment, at, wall }: { experiment: string | null; at: number; wall: number },
): RequestGroup {
  const previous = state.groups[0];
  if (previous !== undefined && isPoll(previous)) state.groups.shift();
  state.count += 1;
  state.groups.unshift({ id: state.count, experiment, start: at, wall, calls: [], refreshes: [] });
  state.groups.length = Math.min(state.groups.length, KEPT);
  return state.groups[0] as RequestGroup;
}

/** The group of a fact: that of its call or refresh, else the newest if it still accepts facts. */
function homeOf(groups: RequestGroup[], fact: Fact): RequestGroup | undefined {
  const owner = groups.find((group) =>
    fact.kind === "call"
      ? group.calls.some((call) => call.id === fact.id)
      : fact.phase === "end" && group.refreshes.some((refresh) => refresh.end === null),
  );
  const newest = groups[0];
  return owner ?? (newest !== undefined && belongs(newest, fact.at) ? newest : undefined);
}
