import { AxiosError } from "axios";
import { describe, expect, expectTypeOf, it, vi } from "vitest";

import {
  type ErrorKind,
  type Failure,
  failureOf,
  GatepassError,
  type Handlers,
  isGatepassError,
  onErrors,
  type Problem,
} from "../src/errors.js";
import { CLIENTS, worldOf } from "./fake/clients.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { problem } from "./fake/server.js";

useFakeClock();

describe("a GatepassError", () => {
  it("is narrowed by its kind", () => {
    const error = new GatepassError("http", { status: 404, problem: { code: "gone" } });
    if (error.kind === "http") {
      expectTypeOf(error.status).toEqualTypeOf<number>();
      expectTypeOf(error.problem).toEqualTypeOf<Problem | null>();
    } else {
      expectTypeOf(error.status).toEqualTypeOf<401 | undefined>();
    }
    expectTypeOf<ErrorKind>().toEqualTypeOf<
      | "http"
      | "network"
      | "timeout"
      | "aborted"
      | "session-ended"
      | "refresh-unavailable"
      | "cookies-blocked"
      | "not-replayable"
    >();
    expect(error).toBeInstanceOf(GatepassError);
    expect(error).toBeInstanceOf(Error);
  });

  it("goes into logs without what people and applications wrote, and without its cause", () => {
    const error = new GatepassError("http", {
      status: 409,
      problem: { code: "email-taken", detail: "ann@example.com" },
      method: "POST",
      url: "https://a.example/x",
      retryAfterMs: 1_000,
      cause: new Error("secret"),
    });
    Object.assign(error, { attempts: 3, token: "secret" });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: "GatepassError",
      kind: "http",
      status: 409,
      code: "email-taken",
      method: "POST",
      url: "https://a.example/x",
      retryAfterMs: 1_000,
      attempts: 3,
    });
    expect(error.cause).toMatchObject({ message: "secret" });
  });

  it("is known by its mark, whatever became of its message, its name or its class", async () => {
    const error = new GatepassError("network");
    Object.assign(error, { message: "network (api.example.com)", name: "t" });
    expect(isGatepassError(error)).toBe(true);
    vi.resetModules();
    const copy = await import("../src/errors.js");
    expect(error).not.toBeInstanceOf(copy.GatepassError);
    expect(copy.isGatepassError(error)).toBe(true);
    expect(copy.failureOf(error).kind).toBe("network");
    for (const other of [null, undefined, "network", {}, new Error("x")]) expect(isGatepassError(other)).toBe(false);
  });
});

describe("a failure", () => {
  const response = (status: number, data: unknown, headers: object = {}) =>
    ({ status, data, headers, statusText: "", config: {} }) as never;

  it.each<[string, unknown, Partial<Failure>]>([
    [
      "a GatepassError",
      new GatepassError("http", { status: 429, retryAfterMs: 5, problem: { code: "slow" } }),
      { kind: "http", status: 429, retryAfterMs: 5, code: "slow" },
    ],
    [
      "Axios' 404",
      new AxiosError("x", "ERR_BAD_REQUEST", {} as never, {}, response(404, { code: "gone" })),
      { kind: "http", status: 404, code: "gone" },
    ],
    [
      "one whose body is text yet",
      new AxiosError(
        "x",
        "ERR_BAD_RESPONSE",
        {} as never,
        {},
        response(503, '{"code":"later"}', { "retry-after": "2" }),
      ),
      { kind: "http", status: 503, code: "later", retryAfterMs: 2_000 },
    ],
    [
      "one whose body is no JSON",
      new AxiosError("x", "ERR_BAD_RESPONSE", {} as never, {}, response(502, "<html>")),
      { kind: "http", status: 502, code: undefined },
    ],
    [
      "one without a body",
      new AxiosError("x", "ERR_BAD_RESPONSE", {} as never, {}, response(500, null)),
      { kind: "http", status: 500 },
    ],
    ["no network", new AxiosError("Network Error", "ERR_NETWORK"), { kind: "network", status: undefined }],
    ["a connection reset in Node", new AxiosError("x", "ECONNRESET", {} as never, {}), { kind: "network" }],
    [
      "Axios' time-out",
      new AxiosError("timeout of 5ms exceeded", "ECONNABORTED", {} as never, {}),
      { kind: "timeout" },
    ],
    ["its newer code", new AxiosError("timeout", "ETIMEDOUT", {} as never, {}), { kind: "timeout" }],
    ["a page that is left", new AxiosError("Request aborted", "ECONNABORTED", {} as never, {}), { kind: "aborted" }],
    ["a cancellation", new AxiosError("canceled", "ERR_CANCELED"), { kind: "aborted" }],
    ["a wrong option", new AxiosError("x", "ERR_BAD_OPTION"), { kind: "unknown" }],
    ["an error of the program", new TypeError("x is not a function"), { kind: "unknown" }],
    ["what is no error", undefined, { kind: "unknown" }],
  ])("is read from %s", (_name, error, expected) => {
    expect(failureOf(error)).toMatchObject(expected);
  });
});

describe.each(CLIENTS)("failures of %s", (_name, over) => {
  async function watched(names: readonly (keyof Handlers)[]) {
    const world = await worldOf(over);
    const told: [string, Failure][] = [];
    const handlers = Object.fromEntries(names.map((name) => [name, (facts: Failure) => told.push([`${name}`, facts])]));
    const stop = onErrors(world.client, handlers);
    const fail = async (path = "/x", wish = {}) =>
      settled(world.send("GET", path, wish).catch((error: unknown) => error)).finally(() => pass(0));
    return { ...world, told, stop, fail };
  }

  it.each<[number, readonly (keyof Handlers)[], string[]]>([
    [404, [404, "4xx", "http", "default"], ["404"]],
    [410, [404, "4xx", "http", "default"], ["4xx"]],
    [503, [404, "5xx", "default"], ["5xx"]],
    [503, [404, "http", "default"], ["http"]],
    [503, [404, "network", "default"], ["default"]],
    [503, [404, "network"], []],
  ])("of status %i are told to the nearest of %j", async (status, names, expected) => {
    const { fail, server, told } = await watched(names);
    server.answers.push(() => problem(status, "why"));
    expect(failureOf(await fail())).toMatchObject({ kind: "http", status, code: "why" });
    expect(told.map(([name]) => name)).toEqual(expected);
  });

  it("without an answer are told by kind", async () => {
    const { fail, profile, told } = await watched(["network", "default"]);
    profile.offline = true;
    await fail();
    expect(told).toMatchObject([["network", { kind: "network" }]]);
  });

  it("are not told where the caller gave up", async () => {
    const { fail, told } = await watched(["aborted", "default"]);
    expect(failureOf(await fail("/x", { signal: AbortSignal.abort() })).kind).toBe("aborted");
    expect(told).toEqual([]);
  });

  it("are told once for a request inside an interceptor of another", async () => {
    const { client, send, fail, server, told } = await watched(["default"]);
    client.interceptors.request.use(async (request: { url?: string }) => {
      if (request.url === "/x") await send("GET", "/first");
      return request as never;
    });
    server.answers = [() => problem(500, "why")];
    await fail();
    expect(told).toHaveLength(1);
  });

  it("are told no more once stopped, and a handler that throws changes nothing", async () => {
    const { client, fail, server, told, stop } = await watched(["default"]);
    const seen: unknown[] = [];
    process.once("uncaughtException", (error) => seen.push(error.message));
    const stopOther = onErrors(client, {
      default: () => {
        throw new Error("mine");
      },
    });
    server.answers = [() => problem(404, "why"), () => problem(404, "why")];
    expect(failureOf(await fail())).toMatchObject({ status: 404 });
    stop();
    stopOther();
    await fail();
    expect(told).toHaveLength(1);
    await vi.waitFor(() => expect(seen).toEqual(["mine"]));
  });
});
