import { describe, expect, it } from "vitest";

import {
  type Activity,
  activityReducer,
  experimentBegan,
  factsSeen,
  passDropped,
  passTaken,
  WINDOW,
} from "../src/store/activity";
import type { Fact } from "../src/store/episode";
import { call, refresh, replayed } from "./facts";

const nothing = activityReducer(undefined, { type: "begin" });
const see = (state: Activity, ...facts: Fact[]) => activityReducer(state, factsSeen({ facts, wall: 0 }));
const stroll = (id: string, at: number) => [call(id, "start", at), call(id, "sent", at), call(id, "end", at + 4, 200)];

describe("the log-book", () => {
  it("puts what follows a button into the episode of that button", () => {
    let state = activityReducer(nothing, experimentBegan({ experiment: "expire", at: 0, wall: 0 }));
    state = see(state, ...replayed("1", 5), refresh("start", 20, { generation: 3 }));

    expect(state.episodes).toHaveLength(1);
    expect(state.episodes[0]).toMatchObject({ experiment: "expire" });
    expect(state.episodes[0]?.refreshes).toHaveLength(1);
  });

  it("waits for what a button begins, however long that takes", () => {
    let state = activityReducer(nothing, experimentBegan({ experiment: "expire", at: 0, wall: 0 }));
    state = see(state, ...replayed("1", 5_000));

    expect(state.episodes).toHaveLength(1);
    expect(state.episodes[0]).toMatchObject({ experiment: "expire" });
  });

  it("begins a new episode after a quiet while, newest first", () => {
    const state = see(see(nothing, ...replayed("1", 0)), ...replayed("2", 5_000));
    expect(state.episodes.map((episode) => episode.calls[0]?.id)).toEqual(["2", "1"]);
  });

  it("lets strolls pass without a trace in the log-book, but not on the timeline", () => {
    let state = nothing;
    for (const index of [0, 1, 2, 3]) state = see(state, ...stroll(String(index), index * 5_000));

    expect(state.episodes).toHaveLength(1);
    expect(state.marks).toHaveLength(4);
  });

  it("brings a late end home to its own episode", () => {
    let state = see(nothing, call("1", "start", 0), call("1", "sent", 0));
    state = activityReducer(state, experimentBegan({ experiment: "expire", at: 10, wall: 0 }));
    state = see(state, call("1", "end", 20, 200));

    expect(state.episodes[1]?.calls[0]?.status).toBe(200);
    expect(state.episodes[0]?.calls).toEqual([]);
  });

  it("stays small however long it runs", () => {
    let state = nothing;
    for (let index = 0; index < 40; index += 1) state = see(state, ...replayed(String(index), index * 10_000));

    expect(state.episodes.length).toBeLessThanOrEqual(12);
    expect(state.marks.length).toBeLessThanOrEqual(WINDOW / 10_000 + 1);
  });

  it("forgets the passes of a session that ended, and keeps the story of how", () => {
    let state = see(nothing, ...replayed("1", 0));
    state = activityReducer(state, passTaken({ at: 0, lifetime: 30_000, generation: 1 }));
    state = activityReducer(state, passDropped());

    expect(state.passes).toEqual([]);
    expect(state.episodes).toHaveLength(1);
  });
});
