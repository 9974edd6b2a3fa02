import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { failureOf, GatepassError, isGatepassError } from "../src/errors.js";
import type { Answer, Call, Layer } from "../src/request/layer.js";
import { createBudget } from "../src/request/retry-budget.js";
import { budgetFor, type RetryNotice, type RetryOptions, retry } from "../src/retry.js";
import { retryDelay, shouldRetry } from "../src/tanstack.js";
import { contract } from "./contract.js";
import { CLIENTS, type Wish, worldOf } from "./fake/clients.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { type Outgoing, problem } from "./fake/server.js";
import { calls } from "./fake/world.js";

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
const URL_ = new URL("https://api.example.com/x");

useFakeClock();

/** A call as a client would make it. */
function callOf(facts: Partial<Call> = {}): Call {
  const headers = new Headers();
  const basic = { id: 1, method: "GET", url: URL_, headers, signal: null, isReplayable: true, attempt: 1, options: {} };
  return { ...basic, ...facts };
}

/** A network that does what it is told, in turn, and then answers 200. A number is a status. */
function network(...turns: (number | Error | Record<string, string>)[]) {
  const attempts: Call[] = [];
  const at: number[] = [];
  const next = async <A extends Answer>(call: Call): Promise<A> => {
    attempts.push(call);
    at.push(performance.now());
    const turn = turns.shift() ?? 200;
    if (turn instanceof Error) throw turn;
    if (typeof turn === "number") return { status: turn, headers: new Headers() } as unknown as A;
    return { status: 503, headers: new Headers(turn) } as unknown as A;
  };
  return { next, attempts, at, waits: () => at.slice(1).map((time, index) => time - at[index]!) };
}

/** A layer with a budget of its own and no randomness. */
function steady(options: RetryOptions = {}): Layer {
  return retry({ budget: createBudget(), draw: () => 1, ...options });
}

const failed = (promise: Promise<unknown>) => promise.then(() => null).catch((error: unknown) => error);

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

describe.each(CLIENTS)("a request through %s", (_name, over) => {
  const later = (): Outgoing => problem(503, "later");
  const lost = (): never => {
    throw new TypeError("Failed to fetch");
  };
  const worldWith = (options?: RetryOptions) => worldOf(over, [steady(options)]);

  it.each([
    ["a 503", later],
    ["a 429", () => problem(429, "slow-down", {}, { "Retry-After": "1" })],
    ["a 408", () => problem(408, "too-late")],
    ["no answer", lost],
  ])("comes through after %s, twice", async (_what, turn) => {
    const { send, server, sent } = await worldWith();
    server.answers = [turn, turn];
    expect((await settled(send("GET", "/x"))).status).toBe(200);
    expect(sent).toHaveLength(3);
  });

  it("fails with its last error after four attempts, and the error says so", async () => {
    const { send, server, sent } = await worldWith();
    server.answers = [later, later, lost, later, later];
    const error = (await settled(failed(send("GET", "/x")))) as { attempts: number };
    expect([sent.length, error.attempts, failureOf(error).status]).toEqual([4, 4, 503]);
  });

  it("says one attempt where nothing was to be gained", async () => {
    const { send, server } = await worldWith();
    server.answers = [() => problem(404, "nowhere")];
    expect(await settled(failed(send("GET", "/x")))).toMatchObject({ attempts: 1 });
  });

  it("keeps its body and its headers on every attempt", async () => {
    const { send, server, sent } = await worldWith();
    server.answers = [later, lost];
    const { data } = await settled(send("PUT", "/x", { headers: { "X-Mine": "1" } }, { text: "whole" }));
    expect(data).toMatchObject({ echo: { text: "whole" } });
    expect(sent.map(({ headers }) => headers.get("X-Mine"))).toEqual(["1", "1", "1"]);
  });

  it("is sent once where it is a POST", async () => {
    const { send, server, sent } = await worldWith();
    server.answers = [lost];
    expect(failureOf(await settled(failed(send("POST", "/x", {}, { n: 1 })))).kind).toBe("network");
    expect(sent).toHaveLength(1);
  });

  it.each<[string, Wish]>([
    ["an Idempotency-Key, the same on each attempt", { headers: { "Idempotency-Key": "k1" } }],
    ["`retry: true`", { retry: true }],
    ["`retry: { methods }`", { retry: { methods: ["POST"] } }],
  ])("is sent again where it is a POST with %s", async (_what, wish) => {
    const { send, server, sent } = await worldWith();
    server.answers = [lost];
    expect((await settled(send("POST", "/x", wish, { n: 1 }))).status).toBe(200);
    expect(new Set(sent.map(({ headers }) => headers.get("Idempotency-Key"))).size).toBe(1);
    expect(sent).toHaveLength(2);
  });

  it("may want it otherwise than its client", async () => {
    const { send, server, sent } = await worldWith();
    server.answers = [later, later, later];
    expect(await settled(failed(send("GET", "/x", { retry: false })))).toMatchObject({ attempts: 1 });
    await settled(failed(send("GET", "/x", { retry: { attempts: 2 } })));
    expect(sent).toHaveLength(3);
  });

  it("is never sent again as a stream", async () => {
    const { send, server, sent } = await worldWith();
    server.answers = [later];
    const body = new ReadableStream({ start: (controller) => controller.close() });
    await settled(failed(send("PUT", "/x", { headers: { "Content-Type": "text/plain" }, retry: true }, body)));
    expect(sent).toHaveLength(1);
  });

  it("has its timeout anew for each attempt", async () => {
    const { send, profile, sent, server } = await worldWith();
    const travel = profile.send.bind(profile);
    let slow = 2;
    profile.send = async (address, init = {}) => {
      if (slow-- > 0) await new Promise((_, reject) => (init.signal as AbortSignal).addEventListener("abort", reject));
      return travel(address, init);
    };
    expect((await settled(send("GET", "/x", { timeout: 1_000 }))).status).toBe(200);
    expect([sent.length, calls(server, "/api/x")]).toEqual([3, 1]);
  });

  it("is given up at once by its caller in a wait, and leaves no timer", async () => {
    const { send, server, sent } = await worldWith();
    await pass(1);
    server.answers = [() => problem(503, "later", {}, { "Retry-After": "20" })];
    const abort = new AbortController();
    const gone = failed(send("GET", "/x", { signal: abort.signal }));
    await pass(1);
    const timers = vi.getTimerCount();
    abort.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(failureOf(await gone).kind).toBe("aborted");
    expect([sent.length, vi.getTimerCount()]).toEqual([1, timers - 1]);
  });

  it("is not sent again once its session has ended", async () => {
    const { send, server, sid, sent } = await worldWith();
    await pass(6);
    server.revoke(sid, "revoked");
    const error = await settled(failed(send("GET", "/x")));
    expect(isGatepassError(error) && error.kind).toBe("session-ended");
    expect([sent.length, calls(server, "/auth/refresh")]).toEqual([1, 1]);
  });

  it("waits for a refresh that cannot be had now, whatever its method, and goes out once", async () => {
    const { send, profile, sent } = await worldWith();
    await pass(901);
    profile.faults = [503];
    expect((await settled(send("POST", "/x", {}, { n: 1 }))).status).toBe(200);
    expect(sent).toHaveLength(1);
  });

  it("does not count the replay after a refresh as an attempt", async () => {
    const { send, server, sent } = await worldWith({ attempts: 1 });
    await pass(6);
    server.refuseTokens();
    expect((await settled(send("GET", "/x"))).status).toBe(200);
    expect(sent).toHaveLength(2);
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

describe("for libraries that retry by themselves", () => {
  const url = "https://lib.example.com/x";
  const offline = () => new GatepassError("network", { method: "GET", url });

  it("what a layer has given up is not sent again", async () => {
    const error = await settled(failed(steady({ attempts: 1 })(callOf(), network(offline()).next)));
    expect(shouldRetry(0, error)).toBe(false);
  });

  it("without a layer the same rules hold", () => {
    expect([0, 1, 2, 3].map((count) => shouldRetry(count, offline()))).toEqual([true, true, true, false]);
    const http = (status: number, method = "GET") => new GatepassError("http", { status, method, url });
    expect([503, 404, 401].map((status) => shouldRetry(0, http(status)))).toEqual([true, false, false]);
    expect(shouldRetry(0, http(503, "POST"))).toBe(false);
    expect(shouldRetry(0, new GatepassError("session-ended", { url }))).toBe(false);
    expect(shouldRetry(0, new RangeError("a bug"))).toBe(false);
    expect(shouldRetry(0, null)).toBe(false);
  });

  it("the budget is that of the layers", () => {
    const budget = budgetFor("https://spent.example.com");
    while (budget.spend());
    expect(shouldRetry(1, new GatepassError("network", { url: "https://spent.example.com/x" }))).toBe(false);
    const axios = {
      isAxiosError: true,
      code: "ERR_NETWORK",
      config: { url: "/x", baseURL: "https://spent.example.com" },
    };
    expect(shouldRetry(1, axios)).toBe(false);
    axios.config.baseURL = "https://other.example.com";
    expect(shouldRetry(1, axios)).toBe(true);
  });

  it("the waits are those of the layer", () => {
    const asked = new GatepassError("http", { status: 503, retryAfterMs: 5_000 });
    const waits = Array.from({ length: 100 }, () => [retryDelay(3, asked), retryDelay(1, offline())] as const);
    expect(waits.every(([long, short]) => long >= 5_000 && long <= 5_250 && short >= 0 && short <= 500)).toBe(true);
    expect(Math.max(...waits.map(([, short]) => short))).toBeGreaterThan(250);
  });
});
