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
import type { Fact } from "../src/store/requestGroup";
import { call, refresh, replayed } from "./facts";

const nothing = activityReducer(undefined, { type: "begin" });
const see = (state: Activity, ...facts: Fact[]) => activityReducer(state, factsSeen({ facts, wall: 0 }));
const poll = (id: string, at: number) => [call(id, "start", at), call(id, "sent", at), call(id, "end", at + 4, 200)];

describe("the log-book", () => {
  it("puts what follows a button into a group of its own", () => {
    let state = activityReducer(nothing, experimentBegan({ experiment: "expire", at: 0, wall: 0 }));
    state = see(state, ...replayed("1", 5), refresh("start", 20, { generation: 3 }));

    expect(state.groups).toHaveLength(1);
    expect(state.groups[0]).toMatchObject({ experiment: "expire" });
    expect(state.groups[0]?.refreshes).toHaveLength(1);
  });

  it("waits for what a button begins, however long that takes", () => {
    let state = activityReducer(nothing, experimentBegan({ experiment: "expire", at: 0, wall: 0 }));
    state = see(state, ...replayed("1", 5_000));

    expect(state.groups).toHaveLength(1);
    expect(state.groups[0]).toMatchObject({ experiment: "expire" });
  });

  it("begins a new group after a quiet while, newest first", () => {
    const state = see(see(nothing, ...replayed("1", 0)), ...replayed("2", 5_000));
    expect(state.groups.map((group) => group.calls[0]?.id)).toEqual(["2", "1"]);
  });

  it("shows the page's own calls on the timeline, and only the latest in the log-book", () => {
    let state = nothing;
    for (const index of [0, 1, 2, 3]) state = see(state, ...poll(String(index), index * 5_000));

    expect(state.groups).toHaveLength(1);
    expect(state.marks).toHaveLength(4);
  });

  it("adds a late end to the group of its call", () => {
    let state = see(nothing, call("1", "start", 0), call("1", "sent", 0));
    state = activityReducer(state, experimentBegan({ experiment: "expire", at: 10, wall: 0 }));
    state = see(state, call("1", "end", 20, 200));

    expect(state.groups[1]?.calls[0]?.status).toBe(200);
    expect(state.groups[0]?.calls).toEqual([]);
  });

  it("stays small however long it runs", () => {
    let state = nothing;
    for (let index = 0; index < 40; index += 1) state = see(state, ...replayed(String(index), index * 10_000));

    expect(state.groups.length).toBeLessThanOrEqual(12);
    expect(state.marks.length).toBeLessThanOrEqual(WINDOW / 10_000 + 1);
  });

  it("forgets the passes of a session that ended, and keeps the log-book", () => {
    let state = see(nothing, ...replayed("1", 0));
    state = activityReducer(state, passTaken({ at: 0, lifetime: 30_000, generation: 1 }));
    state = activityReducer(state, passDropped());

    expect(state.passes).toEqual([]);
    expect(state.groups).toHaveLength(1);
  });
});
