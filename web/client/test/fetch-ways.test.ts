/** What lies around a request of `createClient`: interceptors, events, time-outs, and how its answer is read. */

import { describe, expect, it } from "vitest";
import { type Client, createClient } from "../src/fetch.js";
import type { RequestEvent } from "../src/session/types.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { world } from "./fake/fetch.js";
import { problem } from "./fake/server.js";
import { signedIn } from "./fake/world.js";

useFakeClock();

describe("interceptors", () => {
  function logging(client: Client, log: string[], name: string) {
    client.interceptors.request.use((request) => {
      log.push(`${name} out`);
      return request;
    });
    return client.interceptors.response.use((response) => {
      log.push(`${name} back`);
      return response;
    });
  }

  it("run in order on the way out and in reverse on the way back", async () => {
    const { client } = await world();
    const log: string[] = [];
    for (const name of ["a", "b", "c"]) logging(client, log, name);
    await settled(client.get("/x"));
    expect(log).toEqual(["a out", "b out", "c out", "c back", "b back", "a back"]);
  });

  it("are gone when ejected, and only they", async () => {
    const { client } = await world();
    const log: string[] = [];
    logging(client, log, "a");
    logging(client, log, "b").eject();
    await settled(client.get("/x"));
    expect(log).toEqual(["a out", "b out", "a back"]);
  });

  it("may be async, change the request, and be passed by", async () => {
    const { client, sent } = await world();
    client.interceptors.request.use(async (request) => {
      await Promise.resolve();
      request.headers.set("X-Tenant", "7");
      return request;
    });
    client.interceptors.request.use((request) => ({ ...request, method: "DELETE" }), {
      when: ({ url }) => url === "/other",
    });
    await settled(client.get("/x"));
    expect(new Headers(sent[0]!.init.headers).get("X-Tenant")).toBe("7");
    expect(sent[0]!.init.method).toBe("GET");
  });

  it("run once for a request that is replayed", async () => {
    const { client, server } = await world();
    const log: string[] = [];
    logging(client, log, "a");
    await pass(6);
    server.refuseTokens();
    await settled(client.get("/x"));
    expect(log).toEqual(["a out", "a back"]);
  });

  it("mend an error, and see those of inner ones", async () => {
    const { client, server } = await world();
    server.answers.push(() => problem(404, "not-found"));
    const fallback = await settled(client.get("/y").catch((error: unknown) => error));
    expect(fallback).toMatchObject({ status: 404 });
    const good = await settled(client.get("/x"));
    client.interceptors.response.use(null, () => good);
    client.interceptors.response.use(() => {
      throw new Error("inner");
    });
    expect(await settled(client.get("/x"))).toBe(good);
  });
});

describe("a request's way", () => {
  it("is told phase by phase, by path alone", async () => {
    const { client, session, server } = await world();
    const events: RequestEvent[] = [];
    session.on("request", (event) => events.push(event));
    await pass(6);
    server.refuseTokens();
    await settled(client.get("/x?secret=1"));
    expect(events.map(({ phase }) => phase)).toEqual(["start", "sent", "waiting", "replay", "end"]);
    expect(events.at(-1)).toMatchObject({ method: "GET", url: "/api/x", status: 200 });
    expect(new Set(events.map(({ id }) => id)).size).toBe(1);
  });
});

describe("a time-out", () => {
  it("is for each attempt: a second one has all of it", async () => {
    const made = await signedIn();
    const hanging = [4_000, 4_000, 10];
    const client = createClient({
      baseURL: "http://localhost:8000/api",
      session: made.session,
      timeout: 5_000,
      layers: [
        async (call, next) => {
          await next(call).catch(() => null);
          return next({ ...call, attempt: 2 });
        },
      ],
      fetch: (_input, init) => hang(hanging.shift()!, init!.signal!),
    });
    expect(await settled(client.get("/x"))).toMatchObject({ status: 200 });
    hanging.unshift(9_000, 9_000);
    const began = performance.now();
    await expect(settled(client.get("/x"))).rejects.toMatchObject({ kind: "timeout", method: "GET" });
    expect(performance.now() - began).toBe(10_000);
  });

  it("leaves the caller's signal its say, and is itself said per request", async () => {
    const { client } = await world();
    const giveUp = new AbortController();
    const leaving = client.get("/x", { timeout: 5_000, signal: giveUp.signal }).catch((error: unknown) => error);
    giveUp.abort();
    expect(await settled(leaving)).toMatchObject({ kind: "aborted" });
    expect(await settled(client.get("/x", { timeout: 1 }).catch((error: unknown) => error))).toMatchObject({
      kind: "timeout",
    });
  });

  it("bounds the wait for a token too, and the refresh goes on", async () => {
    const { client, profile, session } = await world();
    await pass(901);
    profile.faults = [{ lag: 3_000 }];
    await expect(settled(client.get("/x", { timeout: 1_000 }))).rejects.toMatchObject({ kind: "timeout" });
    await pass(3);
    expect(session.getSnapshot()).toMatchObject({ status: "active", generation: 1 });
  });

  function hang(ms: number, signal: AbortSignal): Promise<Response> {
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      setTimeout(() => resolve(new Response("{}")), ms);
    });
  }
});

describe("an answer", () => {
  async function answering(make: () => Response) {
    const { session } = await world();
    return createClient({ baseURL: "http://localhost:8000/api", session, fetch: async () => make() });
  }

  it.each(["head", "options"] as const)("to %s has no data", async (verb) => {
    const client = await answering(() => new Response(null, { headers: { Allow: "GET" } }));
    const { data, headers } = await settled(client[verb]("/x"));
    expect([data, headers.get("Allow")]).toEqual([null, "GET"]);
  });

  it("is read as it was asked for", async () => {
    const client = await answering(() => new Response('{"a":1}', { headers: { "Content-Type": "text/plain" } }));
    expect((await settled(client.get("/x", { responseType: "json" }))).data).toEqual({ a: 1 });
    expect((await settled(client.get("/x", { responseType: "arrayBuffer" }))).data).toBeInstanceOf(ArrayBuffer);
    const { data, response } = await settled(client.get("/x", { responseType: "stream" }));
    expect(data).toBe(response.body);
    expect(response.bodyUsed).toBe(false);
  });

  it("that is not the JSON that it says it is is an error with its status", async () => {
    const client = await answering(() => new Response("<html>", { headers: { "Content-Type": "application/json" } }));
    const error = await settled(client.get("/x").catch((reason: unknown) => reason));
    expect(error).toMatchObject({ kind: "http", status: 200, url: "http://localhost:8000/api/x" });
  });

  it("of any status resolves where the caller says so", async () => {
    const client = await answering(() => Response.json({ code: "gone" }, { status: 404 }));
    const answer = await settled(client.get("/x", { throwHttpErrors: false }));
    expect(answer).toMatchObject({ status: 404, data: { code: "gone" } });
  });

  it("to a list in the query has met its name once for each", async () => {
    const { client, sent } = await world();
    await settled(client.get("/x", { query: { tag: ["a", null, "b"], none: [] } }));
    expect(sent[0]!.url).toBe("http://localhost:8000/api/x?tag=a&tag=b");
  });
});
