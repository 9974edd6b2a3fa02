/** Requests are sent again alike through both clients, and beside libraries that do so themselves. */

import { describe, expect, it, vi } from "vitest";
import { failureOf, GatepassError, isGatepassError } from "../src/errors.js";
import { budgetFor, type RetryOptions } from "../src/retry.js";
import { retryDelay, shouldRetry } from "../src/tanstack.js";
import { CLIENTS, type Wish, worldOf } from "./fake/clients.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { callOf, failed, network, steady } from "./fake/network.js";
import { type Outgoing, problem } from "./fake/server.js";
import { calls } from "./fake/world.js";

useFakeClock();

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
