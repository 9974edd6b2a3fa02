import { describe, expect, it } from "vitest";

import { budgetFor, createBudget } from "../../src/request/retry-budget.js";
import { retry } from "../../src/retry.js";
import { CLIENTS, overFetch, worldOf } from "../fake/clients.js";
import { settled, useFakeClock } from "../fake/clock.js";
import { problem } from "../fake/server.js";

useFakeClock();

describe("a budget", () => {
  it("has so many further attempts, and not one more", () => {
    const budget = createBudget({ capacity: 2 })("o");
    expect([budget.spend(), budget.spend(), budget.spend()]).toEqual([true, true, false]);
  });

  it("fills again with requests, and never over its measure", () => {
    const budget = createBudget({ capacity: 2, perCall: 0.5 })("o");
    budget.spend();
    for (let count = 0; count < 10; count++) budget.fill();
    expect(budget.left).toBe(2);
  });

  it("is one for an origin, and another for another", () => {
    const budgets = createBudget({ capacity: 1 });
    budgets("a").spend();
    expect([budgets("a").left, budgets("b").left]).toEqual([0, 1]);
    expect(budgetFor("a")).toBe(budgetFor("a"));
  });
});

describe.each(CLIENTS)("a server that fails every request through %s", (_name, over) => {
  it("gets little more than the requests themselves", async () => {
    const { send, server, sent } = await worldOf(over, [retry({ budget: createBudget({ capacity: 10 }) })]);
    server.answers = Array(1_000).fill(() => problem(503, "later"));
    for (let count = 0; count < 100; count++) await settled(send("GET", "/x").catch(() => null));
    expect(sent.length).toBeGreaterThan(110);
    expect(sent.length).toBeLessThan(100 + 10 + 100 * 0.1 + 1);
  });
});

it("is shared by all layers of a page that are not given one", async () => {
  const budget = budgetFor("http://localhost:8000");
  while (budget.spend());
  const { session, profile, server } = await worldOf(overFetch);
  for (const layers of [[retry()], [retry({ attempts: 9 })]]) {
    const { send, sent } = overFetch(session, profile, layers);
    server.answers = [() => problem(503, "later")];
    await settled(send("GET", "/x").catch(() => null));
    expect(sent).toHaveLength(1);
  }
});
