import { describe, expect, it } from "vitest";

import { count, describeGroup } from "../src/store/describe";
import { type Fact, record } from "../src/store/requestGroup";
import { call, empty, refresh, replayed } from "./facts";

function told(facts: Fact[], experiment: string | null = null) {
  const group = empty(experiment);
  for (const fact of facts) record(group, fact);
  return describeGroup(group);
}

const renewed = [refresh("start", 12, { generation: 3 }), refresh("end", 40, { generation: 4, outcome: "ok" })];

describe("the words for what happened", () => {
  it("count calls and refreshes", () => {
    const fifty = Array.from({ length: 50 }, (_, index) => replayed(String(index), 0)).flat();
    expect(told([...renewed, ...fifty], "fifty").headline).toBe("50 calls, 1 refresh");
  });

  it("make nothing of a refresh that held up nobody", () => {
    const ahead = [refresh("start", 2, { trigger: "ahead" }), refresh("end", 40, { trigger: "ahead", outcome: "ok" })];
    expect(told([call("1", "start", 0), ...ahead]).headline).toBe("Under way…");
    expect(told([...ahead, call("1", "start", 0), call("1", "end", 9, 200)]).headline).toBe("Renewed in silence");
  });

  it("name the generations", () => {
    expect(told([...renewed, ...replayed("1", 0)]).detail).toContain("Generation 3 → 4.");
  });

  it("say that a lost answer cost nothing", () => {
    const lost = [refresh("start", 0, { generation: 3 }), refresh("end", 90, { generation: 3, outcome: "transient" })];
    const found = [refresh("start", 300, { generation: 3 }), refresh("end", 340, { generation: 4, outcome: "ok" })];
    expect(told([...lost, ...found])).toMatchObject({
      headline: "The answer was lost, the session was not",
      promise: "P1",
    });
  });

  it("give a sibling tab the credit", () => {
    const shared = [refresh("start", 0), refresh("end", 5, { outcome: "ok", generation: 4, shared: true })];
    expect(told([...shared, ...replayed("1", 0)]).headline).toBe("1 call, no refresh here");
  });

  it("say that a theft changes nothing for the owner", () => {
    const renewed = [refresh("start", 0), refresh("end", 5, { outcome: "ok" })];
    expect(told(renewed, "thief")).toMatchObject({ headline: "You went on as before", promise: "P2" });
    expect(told([refresh("start", 0), refresh("end", 5, { outcome: "ended" })]).promise).toBe("P4");
  });

  it("never speak of an end where only the network is gone", () => {
    const gone = [refresh("start", 0), refresh("end", 5, { outcome: "transient" })];
    expect(told(gone).headline).toBe("No answer from the server");
    expect(told([call("1", "start", 0), call("1", "sent", 0), call("1", "end", 9)]).headline).toBe(
      "No answer from the server",
    );
  });

  it.each([404, 429, 500])("pass a %i on untouched", (status) => {
    expect(told([call("1", "start", 0), call("1", "sent", 0), call("1", "end", 9, status)]).headline).toContain(
      String(status),
    );
  });

  it("know the plural", () => {
    const words = [count(1, "refresh"), count(2, "refresh"), count(0, "call"), count(3, "pass")];
    expect(words).toEqual(["1 refresh", "2 refreshes", "0 calls", "3 passes"]);
  });
});
