import { describe, expect, it } from "vitest";

import { belongs, isOpen, isPoll, lastMoment, QUIET, record } from "../src/store/requestGroup";
import { call, empty, refresh, replayed } from "./facts";

describe("a request group", () => {
  it("draws a refused call as sent, waiting, sent again", () => {
    const group = empty();
    for (const fact of replayed("1", 100)) record(group, fact);

    expect(group.calls[0]?.spans).toEqual([
      { phase: "sent", from: 100, to: 110 },
      { phase: "waiting", from: 110, to: 150 },
      { phase: "replay", from: 150, to: 160 },
    ]);
    expect(group.calls[0]).toMatchObject({ status: 200, start: 100, end: 160 });
  });

  it("draws a call whose pass had run out as waiting first", () => {
    const group = empty();
    const facts = [call("1", "start", 0), refresh("start", 1), refresh("end", 40, { outcome: "ok", generation: 4 })];
    for (const fact of [...facts, call("1", "sent", 41), call("1", "end", 50, 200)]) record(group, fact);

    expect(group.calls[0]?.spans.map((span) => span.phase)).toEqual(["waiting", "sent"]);
  });

  it("calls it no waiting where the page itself was slow", () => {
    const group = empty();
    for (const fact of [call("1", "start", 0), call("1", "sent", 30), call("1", "end", 50, 200)]) record(group, fact);

    expect(group.calls[0]?.spans.map((span) => span.phase)).toEqual(["sent"]);
  });

  it("keeps 50 calls apart that run at the same time", () => {
    const group = empty();
    const ways = Array.from({ length: 50 }, (_, index) => replayed(String(index), index));
    for (const step of [0, 1, 2, 3, 4]) {
      for (const fact of ways.flatMap((way) => way.slice(step, step + 1))) record(group, fact);
    }

    expect(group.calls).toHaveLength(50);
    expect(group.calls.every((known) => known.spans.length === 3 && known.status === 200)).toBe(true);
  });

  it("marks a refresh with the generations it led from and to", () => {
    const group = empty();
    record(group, refresh("start", 0, { generation: 3 }));
    record(group, refresh("end", 40, { generation: 4, outcome: "ok", attempts: 2 }));

    expect(group.refreshes[0]).toMatchObject({ from: 3, to: 4, end: 40, outcome: "ok", attempts: 2 });
  });

  it("claims no new generation for a refresh that failed", () => {
    const group = empty();
    record(group, refresh("start", 0, { generation: 3 }));
    record(group, refresh("end", 40, { generation: 3, outcome: "transient" }));

    expect(group.refreshes[0]).toMatchObject({ from: 3, to: null, outcome: "transient" });
  });

  it("goes on while something is under way, however long that takes", () => {
    const group = empty();
    record(group, call("1", "start", 0));

    expect(isOpen(group)).toBe(true);
    expect(belongs(group, 60_000)).toBe(true);
  });

  it("is over when the gate has been quiet for a while", () => {
    const group = empty();
    for (const fact of replayed("1", 0)) record(group, fact);

    expect(lastMoment(group)).toBe(60);
    expect(belongs(group, 60 + QUIET - 1)).toBe(true);
    expect(belongs(group, 60 + QUIET)).toBe(false);
  });

  it("is the page's own call only if that was alone and passed at once", () => {
    const plain = [call("1", "start", 0), call("1", "sent", 0), call("1", "end", 5, 200)];
    const group = empty();
    for (const fact of plain) record(group, fact);
    expect(isPoll(group)).toBe(true);

    expect(isPoll({ ...group, experiment: "fifty" })).toBe(false);
    record(group, refresh("start", 6));
    expect(isPoll(group)).toBe(false);
  });

  it("takes no end of a call whose beginning it never saw", () => {
    const group = empty();
    record(group, call("7", "end", 5, 200));
    expect(group.calls).toEqual([]);
  });
});
