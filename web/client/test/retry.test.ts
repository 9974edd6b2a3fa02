/** When the layer `retry` sends a call again, and how long it waits: the contract of both languages. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { failureOf, GatepassError } from "../src/errors.js";
import type { Answer, Call } from "../src/request/layer.js";
import { createBudget } from "../src/request/retry-budget.js";
import type { RetryNotice } from "../src/retry.js";
import { contract } from "./contract.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { callOf, failed, network, steady, URL_ } from "./fake/network.js";

interface Schedule {
  readonly defaults: {
    readonly attempts: number;
    readonly deadline_s: number;
    readonly initial_wait_s: number;
    readonly max_wait_s: number;
    readonly max_retry_after_s: number;
    readonly budget: { readonly capacity: number; readonly per_call: number };
  };
  readonly methods: Record<string, boolean>;
  readonly statuses: Record<string, boolean>;
  readonly waits: readonly { attempt: number; drawn: number; retry_after_s: number | null; wait_s: number }[];
  readonly deadlines: readonly { elapsed_s: number; retry_after_s: number; is_sent_again: boolean }[];
}

const SCHEDULE = contract<Schedule>("retry_schedule");
useFakeClock();

describe("the contract of both languages", () => {
  it("defaults", async () => {
    const { attempts, deadline_s, initial_wait_s, max_wait_s, max_retry_after_s, budget } = SCHEDULE.defaults;
    const { next, waits } = network(...Array(9).fill(503));
    await settled(steady({ deadline: 1e9 })(callOf(), next));
    expect(waits()).toEqual([1, 2, 4].map((times) => initial_wait_s * 1_000 * times));
    expect(waits()).toHaveLength(attempts - 1);
    const long = network(...Array(99).fill(503));
    await settled(steady({ attempts: 99, budget: createBudget({ capacity: 99 }) })(callOf(), long.next));
    expect(long.at.at(-1)! - long.at[0]!).toBeGreaterThan(deadline_s * 1_000 - max_wait_s * 1_000);
    expect(long.at.at(-1)! - long.at[0]!).toBeLessThanOrEqual(deadline_s * 1_000);
    const asked = network({ "Retry-After": "3600" });
    await settled(steady({ deadline: 1e9, draw: () => 0 })(callOf(), asked.next));
    expect(asked.waits()).toEqual([max_retry_after_s * 1_000]);
    const own = createBudget()("https://new.example");
    expect(own.left).toBe(budget.capacity);
    own.spend();
    own.fill();
    expect(own.left).toBeCloseTo(budget.capacity - 1 + budget.per_call);
  });

  it.each(Object.entries(SCHEDULE.methods))("method %s: sent again is %s", async (method, isSentAgain) => {
    const plain = network(503);
    await settled(steady()(callOf({ method }), plain.next));
    expect(plain.attempts).toHaveLength(isSentAgain ? 2 : 1);
    const keyed = network(503);
    await settled(steady()(callOf({ method, headers: new Headers({ "Idempotency-Key": "k" }) }), keyed.next));
    expect(keyed.attempts).toHaveLength(2);
  });

  it.each(Object.entries(SCHEDULE.statuses))("status %s: sent again is %s", async (status, isSentAgain) => {
    const answered = network(Number(status));
    await settled(steady()(callOf(), answered.next));
    expect(answered.attempts).toHaveLength(isSentAgain ? 2 : 1);
    const thrown = network(new GatepassError("http", { status: Number(status) }));
    await settled(failed(steady()(callOf(), thrown.next)));
    expect(thrown.attempts).toHaveLength(isSentAgain ? 2 : 1);
  });

  it.each(SCHEDULE.waits)("waits %o", async ({ attempt, drawn, retry_after_s, wait_s }) => {
    const turns = Array(attempt).fill(retry_after_s === null ? 503 : { "Retry-After": `${retry_after_s}` });
    const { next, waits } = network(...turns);
    await settled(steady({ attempts: 99, deadline: 1e9, draw: () => drawn })(callOf(), next));
    expect(waits()[attempt - 1]).toBeCloseTo(wait_s * 1_000);
  });

  it.each(SCHEDULE.deadlines)("deadline %o", async ({ elapsed_s, retry_after_s, is_sent_again }) => {
    const { next, attempts } = network({ "Retry-After": `${retry_after_s}` });
    const slow = async <A extends Answer>(call: Call): Promise<A> => {
      await new Promise((resolve) => setTimeout(resolve, elapsed_s * 1_000));
      return next<A>(call);
    };
    await settled(steady({ draw: () => 0 })(callOf(), slow));
    expect(attempts).toHaveLength(is_sent_again ? 2 : 1);
  });
});

describe("the layer", () => {
  it("passes an answer on that nobody made an error of", async () => {
    const { next, attempts } = network(...Array(9).fill(503));
    expect(await settled(steady()(callOf(), next))).toMatchObject({ status: 503 });
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
  });

  it("understands Retry-After as a date too", async () => {
    const { next, waits } = network({ "Retry-After": new Date(Date.now() + 7_000).toUTCString() });
    await settled(steady({ draw: () => 0 })(callOf(), next));
    expect(waits()).toEqual([7_000]);
  });

  it("does not wait for what has no chance within the deadline", async () => {
    const { next, attempts } = network({ "Retry-After": "40" });
    const began = performance.now();
    await settled(steady()(callOf(), next));
    expect([attempts.length, performance.now() - began]).toEqual([1, 0]);
  });

  it("draws each wait anew", async () => {
    const drawn = [0.5, 0.1];
    const { next, waits } = network(503, 503);
    await settled(steady({ draw: () => drawn.shift()! })(callOf(), next));
    expect(waits()).toEqual([125, 50]);
  });

  it("tells layers outside of it of each further attempt", async () => {
    const notices: RetryNotice[] = [];
    const { next } = network(503, new GatepassError("network"));
    await settled(steady()(callOf({ onRetry: (notice) => notices.push(notice) }), next));
    expect(notices).toMatchObject([
      { attempt: 1, wait: 250, failure: { kind: "http", status: 503 } },
      { attempt: 2, wait: 500, failure: { kind: "network" } },
    ]);
  });

  it.each([["aborted"], ["session-ended"], ["not-replayable"]] as const)("never sends %s again", async (kind) => {
    const { next, attempts } = network(new GatepassError(kind));
    await settled(failed(steady()(callOf({ options: { retry: true } }), next)));
    expect(attempts).toHaveLength(1);
  });

  it("never sends again what failed by a mistake in code", async () => {
    const { next, attempts } = network(new RangeError("a bug"));
    expect(await settled(failed(steady()(callOf(), next)))).toBeInstanceOf(RangeError);
    expect(attempts).toHaveLength(1);
  });

  it("does not go on for a caller whose own time is up, nor spends anything", async () => {
    const { next, attempts } = network(new GatepassError("timeout"));
    const budget = createBudget();
    const abort = new AbortController();
    abort.abort(new DOMException("", "TimeoutError"));
    const error = await settled(failed(steady({ budget })(callOf({ signal: abort.signal }), next)));
    expect([attempts.length, failureOf(error).kind, budget(URL_.origin).left]).toEqual([1, "timeout", 20]);
  });

  it("inside another one is the only one that sends again", async () => {
    const { next, attempts } = network(
      ...Array(99)
        .fill(0)
        .map(() => new GatepassError("network")),
    );
    const [outer, inner] = [steady(), steady()];
    const error = await settled(failed(outer(callOf(), (call) => inner(call, next))));
    expect([attempts.length, (error as { attempts: number }).attempts]).toEqual([4, 4]);
  });

  it("passes frozen errors and things that are no errors on as they are", async () => {
    const frozen = Object.freeze(new GatepassError("session-ended"));
    expect(await settled(failed(steady()(callOf(), network(frozen).next)))).toBe(frozen);
    const word = steady()(callOf(), () => Promise.reject("a word"));
    expect(await settled(failed(word))).toBe("a word");
  });
});

describe("offline", () => {
  const window = new EventTarget();
  let isOnline = true;
  const comeOnline = () => {
    isOnline = true;
    window.dispatchEvent(new Event("online"));
  };

  beforeEach(() => {
    isOnline = false;
    vi.stubGlobal("navigator", {
      get onLine() {
        return isOnline;
      },
    });
    vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
    vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window));
  });
  afterEach(() => vi.unstubAllGlobals());

  it("spends no attempt: it waits for the network, then the drawn time, and goes on", async () => {
    const { next, at } = network(new GatepassError("network"));
    const began = performance.now();
    const answer = steady()(callOf(), next);
    await pass(20);
    expect(at).toHaveLength(1);
    comeOnline();
    await settled(answer);
    expect(at[1]! - began).toBe(20_250);
  });

  it("counts as part of the deadline: then the caller gets the error", async () => {
    const { next, attempts } = network(new GatepassError("network"));
    const gone = failed(steady()(callOf(), next));
    await pass(30.1);
    expect(await settled(gone)).toMatchObject({ kind: "network", attempts: 1 });
    expect([attempts.length, vi.getTimerCount()]).toEqual([1, 0]);
  });

  it("may last for ever where there is no deadline", async () => {
    const { next, attempts } = network(new GatepassError("network"));
    const answer = steady({ deadline: Number.POSITIVE_INFINITY })(callOf(), next);
    await pass(86_400 * 30);
    expect(attempts).toHaveLength(1);
    comeOnline();
    expect(await settled(answer)).toMatchObject({ status: 200 });
  });

  it("can be left at any moment", async () => {
    const { next } = network(new GatepassError("network"));
    const abort = new AbortController();
    const gone = failed(steady()(callOf({ signal: abort.signal }), next));
    await pass(1);
    abort.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect([await gone, vi.getTimerCount()]).toMatchObject([{ kind: "aborted" }, 0]);
  });

  it("is not believed where the server has just answered (localhost)", async () => {
    const { next, waits } = network(503);
    await settled(steady()(callOf(), next));
    expect(waits()).toEqual([250]);
  });
});
