import { describe, expect, it } from "vitest";

import { type Client, createClient } from "../src/fetch.js";
import type { RequestEvent } from "../src/session/types.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { problem } from "./fake/server.js";
import { calls, signedIn } from "./fake/world.js";

useFakeClock();

async function world() {
  const made = await signedIn();
  const sent: { url: string; init: RequestInit; token: string | null }[] = [];
  const fetch: typeof globalThis.fetch = (input, init = {}) => {
    sent.push({ url: String(input), init, token: new Headers(init.headers).get("Authorization") });
    return made.profile.send(String(input), init);
  };
  const client = createClient({ baseURL: "http://localhost:8000/api", session: made.session, fetch });
  return { ...made, client, sent };
}

describe("a request", () => {
  it("goes with the token to its own origin, JSON in and out", async () => {
    const { client, sent } = await world();
    const answer = await settled(client.post<{ echo: unknown }>("/notes", { text: "hi" }));
    expect(answer).toMatchObject({ status: 200, data: { method: "POST", echo: { text: "hi" } } });
    expect(sent[0]).toMatchObject({ url: "http://localhost:8000/api/notes", token: expect.stringMatching(/^Bearer /) });
    expect(new Headers(sent[0]!.init.headers).get("Content-Type")).toBe("application/json");
  });

  it("appends its query and leaves out what is not given", async () => {
    const { client, sent } = await world();
    await settled(client.get("notes?a=1", { query: { b: "x y", c: 2, d: null, e: undefined } }));
    expect(sent[0]!.url).toBe("http://localhost:8000/api/notes?a=1&b=x+y&c=2");
  });

  it.each(["https://evil.example/x", "//evil.example/x", "http://localhost:8001/x", "https://localhost:8000/x"])(
    "bears no token to %s",
    async (url) => {
      const { client, sent } = await world();
      await settled(client.get(url).catch(() => null));
      expect(sent[0]!.token).toBeNull();
    },
  );

  it.each([
    ["application/json", "5", 5],
    ["application/vnd.x+json; charset=utf-8", "[1]", [1]],
    ["application/json", "", null],
    ["text/plain", '{"a":1}', '{"a":1}'],
    ["text/html", "<p>", "<p>"],
  ])("is read by its media type: %s %s", async (type, body, data) => {
    const { session } = await world();
    const fetch = () => Promise.resolve(new Response(body, { headers: { "Content-Type": type } }));
    const client = createClient({ baseURL: "http://localhost:8000/api", session, fetch });
    expect((await settled(client.get("/x"))).data).toEqual(data);
  });

  it("leaves an Authorization of the caller's alone", async () => {
    const { client, sent, server } = await world();
    await settled(client.get("/x", { headers: { Authorization: "Basic abc" } }).catch(() => null));
    expect(sent.map(({ token }) => token)).toEqual(["Basic abc"]);
    expect(calls(server, "/auth/refresh")).toBe(0);
  });

  it("goes without a token for anonymous visitors, and its 401 is theirs", async () => {
    const { client, session, sent } = await world();
    await settled(session.signOut());
    await expect(settled(client.get("/x"))).rejects.toMatchObject({
      kind: "http",
      status: 401,
      problem: { code: "token-required" },
    });
    expect(sent).toHaveLength(1);
  });
});

describe("a refused token", () => {
  it("is refreshed once for 50 requests, and each is replayed", async () => {
    const { client, server, sent } = await world();
    await pass(6);
    server.refuseTokens();
    const answers = await settled(Promise.all(Array.from({ length: 50 }, () => client.get("/x"))));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(calls(server, "/auth/refresh")).toBe(1);
    expect(sent).toHaveLength(100);
  });

  it.each([
    ["a string", "plain"],
    ["JSON", { a: [1, { b: 2 }] }],
    [
      "a form",
      (() => {
        const form = new FormData();
        form.append("file", new Blob(["bytes"]), "a.txt");
        return form;
      })(),
    ],
    ["a blob", new Blob(["bytes"])],
    ["parameters", new URLSearchParams({ a: "1" })],
  ])("is followed by the very same request with %s as body", async (_name, body) => {
    const { client, server, sent } = await world();
    await pass(6);
    server.refuseTokens();
    server.answers.push((request) =>
      problem(401, "invalid-token", { of: request.method }, { "WWW-Authenticate": 'Bearer error="invalid_token"' }),
    );
    const json = typeof body === "string";
    await settled(client.put("/x", json ? JSON.stringify(body) : body, { headers: { "X-Mine": "1" } }));
    const [first, , second] = [sent[0]!, null, sent[1]!];
    expect(second.init.method).toBe("PUT");
    expect(second.init.body).toBe(first.init.body);
    expect(new Headers(second.init.headers).get("X-Mine")).toBe("1");
    expect(second.token).not.toBe(first.token);
  });

  it("under a stream is an error, never an empty body", async () => {
    const { client, server, sent } = await world();
    await pass(6);
    server.refuseTokens();
    const body = new ReadableStream({ start: (controller) => controller.close() });
    await expect(settled(client.post("/x", body))).rejects.toMatchObject({ kind: "not-replayable", status: 401 });
    expect(sent).toHaveLength(1);
    expect(await settled(client.get("/x"))).toMatchObject({ status: 200 });
  });

  it("is replayed at most once", async () => {
    const { client, server, sent } = await world();
    await pass(6);
    const refuse = () => problem(401, "invalid-token", {}, { "WWW-Authenticate": 'Bearer error="invalid_token"' });
    server.answers = [refuse, () => undefined, refuse];
    await expect(settled(client.get("/x"))).rejects.toMatchObject({ status: 401 });
    expect(sent).toHaveLength(2);
    expect(calls(server, "/auth/refresh")).toBe(1);
  });

  it.each([
    ["a wrong password", problem(401, "invalid-credentials", {}, { "WWW-Authenticate": "Bearer" })],
    ["another scheme", problem(401, "who-are-you", {}, { "WWW-Authenticate": 'Basic realm="x"' })],
    ["a 403", problem(403, "invalid-token")],
  ])("is not what %s is", async (_name, answer) => {
    const { client, server } = await world();
    await pass(6);
    server.answers.push(() => answer);
    await expect(settled(client.get("/x"))).rejects.toMatchObject({ kind: "http", status: answer.status });
    expect(calls(server, "/auth/refresh")).toBe(0);
  });

  it.each([{ max_age: 300 }, { acr_values: "mfa" }])(
    "is not what a route refuses that wants a better sign-in, and the caller learns which (RFC 9470): %o",
    async (asked) => {
      const { client, server, sent } = await world();
      await pass(6);
      const [[name, value]] = Object.entries(asked) as [[string, unknown]];
      const challenge = { "WWW-Authenticate": `Bearer error="insufficient_user_authentication", ${name}="${value}"` };
      server.answers.push(() => problem(401, "insufficient-user-authentication", asked, challenge));
      await expect(settled(client.get("/x"))).rejects.toMatchObject({
        kind: "http",
        status: 401,
        problem: { code: "insufficient-user-authentication", ...asked },
      });
      expect(calls(server, "/auth/refresh")).toBe(0);
      expect(sent).toHaveLength(1);
    },
  );

  it("rejects with refresh-unavailable when no new one can be had, and keeps the session", async () => {
    const { client, server, profile, session } = await world();
    await pass(6);
    server.refuseTokens();
    profile.faults = [503];
    await expect(settled(client.get("/x"))).rejects.toMatchObject({ kind: "refresh-unavailable" });
    expect(session.getSnapshot().status).toBe("degraded");
  });

  it("rejects with session-ended when the session is over", async () => {
    const { client, server, sid } = await world();
    await pass(6);
    server.revoke(sid, "revoked");
    await expect(settled(client.get("/x"))).rejects.toMatchObject({ kind: "session-ended" });
  });
});

describe("an error", () => {
  it("holds the problem and when to come back", async () => {
    const { client, server } = await world();
    server.answers.push(() => problem(429, "slow-down", {}, { "Retry-After": "2" }));
    await expect(settled(client.get("/x"))).rejects.toMatchObject({
      kind: "http",
      status: 429,
      retryAfterMs: 2_000,
      problem: { code: "slow-down" },
    });
  });

  it("is `network` without an answer, `aborted` or `timeout` by the caller's signal", async () => {
    const { client, profile } = await world();
    profile.offline = true;
    await expect(settled(client.get("/x"))).rejects.toMatchObject({ kind: "network" });
    profile.offline = false;
    await expect(settled(client.get("/x", { signal: AbortSignal.abort() }))).rejects.toMatchObject({ kind: "aborted" });
    const late = AbortSignal.abort(new DOMException("late", "TimeoutError"));
    await expect(settled(client.get("/x", { signal: late }))).rejects.toMatchObject({ kind: "timeout" });
  });
});

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
