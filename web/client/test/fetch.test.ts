/** A request of `createClient`: with its token, again with a newer one, or rejected with a reason. */

import { describe, expect, it } from "vitest";
import { createClient } from "../src/fetch.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { world } from "./fake/fetch.js";
import { problem } from "./fake/server.js";
import { calls } from "./fake/world.js";

useFakeClock();

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
