/** What people coming from ky and Axios take for granted, where no other file says it, for both clients. */

import type { AxiosInstance } from "axios";
import { afterEach, describe, expect, it, vi } from "vitest";

import { attachAxios } from "../../src/axios.js";
import { failureOf } from "../../src/errors.js";
import { createBudget } from "../../src/request/retry-budget.js";
import { type RetryOptions, retry } from "../../src/retry.js";
import { CLIENTS, overAxios, worldOf } from "../fake/clients.js";
import { settled, useFakeClock } from "../fake/clock.js";
import { problem } from "../fake/server.js";

useFakeClock();
afterEach(() => vi.unstubAllGlobals());

const DAY = 86_400_000;
const failed = (promise: Promise<unknown>) => settled(promise.catch((error: unknown) => error));

describe.each(CLIENTS)("retry over %s", (_name, over) => {
  const worldWith = (options: RetryOptions) => worldOf(over, [retry({ budget: createBudget(), ...options })]);

  it.each([{}, { throwHttpErrors: false, validateStatus: null }])(
    "counts a date in Retry-After from the answer's own Date, an error made of it or not (%o)",
    async (wish) => {
      const { send, server } = await worldWith({ draw: () => 0 });
      const there = Date.now() + DAY;
      const at: number[] = [];
      const told = { "Retry-After": new Date(there + 5_000).toUTCString(), Date: new Date(there).toUTCString() };
      const answer = (headers: Record<string, string>) => () => {
        at.push(performance.now());
        return problem(headers.Date ? 503 : 404, "x", {}, headers);
      };
      server.answers = [answer(told), answer({})];
      await failed(send("GET", "/x", wish));
      expect(at).toHaveLength(2);
      expect(Math.floor((at[1]! - at[0]!) / 1_000)).toBe(5);
    },
  );

  it("does not try a 413 again, whatever its Retry-After", async () => {
    const { send, server, sent } = await worldWith({});
    server.answers = [() => problem(413, "large", {}, { "Retry-After": "1" })];
    expect(failureOf(await failed(send("GET", "/x"))).status).toBe(413);
    expect(sent).toHaveLength(1);
  });
});

describe("an interceptor of an attached Axios instance", () => {
  it("may return a configuration that has an address and a method alone", async () => {
    const { client, sent } = await worldOf(overAxios);
    const http = client as AxiosInstance;
    http.interceptors.request.use(() => ({ url: "http://localhost:8000/api/y", method: "post" }) as never);
    expect((await settled(http.get("/x"))).status).toBe(200);
    expect(sent[0]).toMatchObject({ url: "http://localhost:8000/api/y", method: "POST" });
    expect(sent[0]!.headers.get("Authorization")).toMatch(/^Bearer /);
  });

  it("that drops the base sends to the page's own origin, and no token of another", async () => {
    vi.stubGlobal("location", new URL("https://page.example/app"));
    const { client, sent } = await worldOf(overAxios);
    const http = client as AxiosInstance;
    http.interceptors.request.use((config) => ({ ...config, baseURL: "" }));
    await failed(http.get("/x"));
    expect(sent[0]!.url).toBe("/x");
    expect(sent[0]!.headers.get("Authorization")).toBeNull();
  });

  it("goes with `clear()`, as the session does until it is attached again", async () => {
    const { client, session, sent } = await worldOf(overAxios);
    const http = client as AxiosInstance;
    http.interceptors.request.clear();
    await failed(http.get("/x"));
    attachAxios(http, { session });
    await failed(http.get("/x"));
    expect(sent.map(({ headers }) => headers.has("Authorization"))).toEqual([false, true]);
  });
});
