import { describe, expect, it, vi } from "vitest";

import { isGatepassError } from "../../src/errors.js";
import { createFetch, type FetchSetup, graphqlRefused } from "../../src/fetch.js";
import { createBudget } from "../../src/request/retry-budget.js";
import { retry } from "../../src/retry.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { problem } from "../fake/server.js";
import { calls, signedIn } from "../fake/world.js";

useFakeClock();

const API = "http://localhost:8000/api/notes";

async function world(setup: Partial<FetchSetup> = {}) {
  const made = await signedIn();
  const sent: { url: string; init: RequestInit; token: string | null; body: string }[] = [];
  const network: typeof globalThis.fetch = async (input, init = {}) => {
    const request = new Request(input, init);
    const { url, method, headers, signal } = request;
    const body = await request.text();
    sent.push({ url, init, token: headers.get("Authorization"), body });
    return made.profile.send(url, { method, headers, signal, ...(body && { body: JSON.stringify(body) }) });
  };
  const send = createFetch({ session: made.session, fetch: network, ...setup });
  await pass(6);
  return { ...made, send, sent };
}

const failure = (promise: Promise<unknown>) => settled(promise.then(Promise.reject, (error: unknown) => error));
const post = (body = "hello") => new Request(API, { method: "POST", body, headers: { "X-Mine": "1" } });

describe("a Request", () => {
  it("is sent again with its body and headers, and is used up as by fetch", async () => {
    const { send, sent, server } = await world();
    server.refuseTokens();
    const request = post();
    expect((await settled(send(request))).status).toBe(200);
    expect(request.bodyUsed).toBe(true);
    expect(sent.map(({ body, init }) => [body, new Headers(init.headers).get("X-Mine")])).toEqual([
      ["hello", "1"],
      ["hello", "1"],
    ]);
    expect(await failure(send(request))).toBeInstanceOf(TypeError);
  });

  it("may be given with options over its own, or in their place", async () => {
    const { send, sent, server } = await world();
    server.refuseTokens();
    await settled(send(post(), { method: "PUT", headers: { "X-Mine": "2" }, body: "other" }));
    await settled(send(API, post("in place") as RequestInit));
    expect(sent.map(({ body }) => body)).toEqual(["other", "other", "in place"]);
    expect(new Headers(sent[1]!.init.headers).get("X-Mine")).toBe("2");
  });

  it("stops with its own signal, for that signal's reason", async () => {
    const { send, server, profile } = await world();
    server.refuseTokens();
    profile.faults = [{ hang: 60_000 }];
    const abort = new AbortController();
    const answer = failure(send(new Request(API, { signal: abort.signal })));
    await pass(1);
    abort.abort("enough");
    expect(await answer).toBe("enough");
  });
});

describe("an address and options", () => {
  it("reach fetch as they are, members unknown here too", async () => {
    const { send, sent } = await world();
    await settled(send(API, { keepalive: true, cache: "no-store", next: { revalidate: 5 } } as RequestInit));
    expect(sent[0]!.init).toMatchObject({ keepalive: true, cache: "no-store", next: { revalidate: 5 } });
  });

  it("may be null, as with fetch", async () => {
    const { send } = await world();
    expect((await settled(send(API, null as unknown as RequestInit))).status).toBe(200);
  });

  it("with a stream as body are never sent again with an empty one", async () => {
    const { send, sent, server, session } = await world();
    server.refuseTokens();
    const body = new Blob(["bytes"]).stream();
    const error = await failure(send(API, { method: "POST", body, duplex: "half" } as RequestInit));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).cause).toMatchObject({ kind: "not-replayable", status: 401 });
    expect(sent).toHaveLength(1);
    expect(session.getSnapshot().status).toBe("active");
  });

  it.each(["https://evil.example/x", "http://localhost:8001/x", "blob:http://localhost:8000/1", "data:,x"])(
    "bear no token to %s",
    async (url) => {
      const tokens: (string | null)[] = [];
      const { send } = await world({
        async fetch(_input, init) {
          tokens.push(new Headers(init?.headers).get("Authorization"));
          return new Response();
        },
      });
      await settled(send(url));
      await settled(send(new URL(url)));
      expect(tokens).toEqual([null, null]);
    },
  );

  it("bear it to the origin that was named, and to no other", async () => {
    const { send, sent } = await world({ origin: "https://api.example.com/v1" });
    for (const url of ["https://api.example.com/x", API]) await settled(send(url).catch(() => null));
    expect(sent.map(({ token }) => token !== null)).toEqual([true, false]);
  });

  it("keep an Authorization of the caller's", async () => {
    const { send, sent, server } = await world();
    await settled(send(API, { headers: { Authorization: "Basic abc" } }));
    expect(sent.map(({ token }) => token)).toEqual(["Basic abc"]);
    expect(calls(server, "/auth/refresh")).toBe(0);
  });
});

describe("an answer", () => {
  it.each([403, 404, 503])("of %s is a Response, not an error", async (status) => {
    const { send, server } = await world();
    server.answers = [() => problem(status, "x")];
    const response = await settled(send(API));
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code: "x" });
  });

  it("of 401 about something else is the caller's, whole", async () => {
    const { send, server, sent } = await world();
    server.answers = [() => problem(401, "wrong-pin")];
    expect(await (await settled(send(API))).json()).toMatchObject({ code: "wrong-pin" });
    expect(sent).toHaveLength(1);
  });

  it("to a visitor without a session is that to a request without a token", async () => {
    const { send, session, sent } = await world();
    await settled(session.signOut());
    expect((await settled(send(API))).status).toBe(401);
    expect(sent.map(({ token }) => token)).toEqual([null]);
  });
});

describe("an error", () => {
  it("of the network is fetch's own, the same object", async () => {
    const broken = new TypeError("Failed to fetch");
    const { send } = await world({ fetch: () => Promise.reject(broken) });
    expect(await failure(send(API))).toBe(broken);
  });

  it("of the session is a TypeError with the reason as its cause", async () => {
    const { send, server, sid } = await world();
    server.revoke(sid, "revoked");
    const ended = (await failure(send(API))) as Error;
    expect(ended).toBeInstanceOf(TypeError);
    expect(isGatepassError(ended.cause) && ended.cause.kind).toBe("session-ended");
  });

  it("without a new token looks like one of the network, so that libraries try again", async () => {
    const { send, server, profile, session } = await world();
    server.refuseTokens();
    profile.faults = [503];
    const error = (await failure(send(API))) as Error;
    expect(error).toMatchObject({ name: "TypeError", message: "fetch failed" });
    expect(error.cause).toMatchObject({ kind: "refresh-unavailable", method: "GET", url: API });
    expect(session.getSnapshot().status).toBe("degraded");
  });

  it("in the code of `isRefused` is that error", async () => {
    const bug = new RangeError("a bug");
    const { send } = await world({ isRefused: () => Promise.reject(bug), layers: [retry()] });
    expect(await failure(send(API))).toBe(bug);
  });
});

it("passes through layers: a retry sends the whole Request each time, foreign ones too", async () => {
  const { send, server, sent } = await world({ layers: [retry({ budget: createBudget(), draw: () => 0 })] });
  server.answers = [() => problem(503, "x"), () => problem(503, "x")];
  const put = (url: string) => new Request(url, { method: "PUT", body: "whole" });
  expect((await settled(send(put(API)))).status).toBe(200);
  server.answers = [() => problem(503, "x")];
  await settled(send(put("http://localhost:8001/x")));
  expect(sent.map(({ body }) => body)).toEqual(["whole", "whole", "whole", "whole", "whole"]);
});

describe("GraphQL", () => {
  const refused = { errors: [{ message: "no", extensions: { code: "UNAUTHENTICATED" } }] };
  const graphql = async (answer: unknown, init: RequestInit, type = "application/json") => {
    const answers: Response[] = [];
    const sender = vi.fn(async () => {
      answers.push(new Response(JSON.stringify(answer), { headers: { "Content-Type": type } }));
      return answers.at(-1)!;
    });
    const { send, server } = await world({ isRefused: graphqlRefused, fetch: sender });
    const response = await settled(send(API, init));
    expect(await response.json()).toEqual(answer);
    return { sends: sender.mock.calls.length, refreshes: calls(server, "/auth/refresh") };
  };
  const operation = (query?: string) => ({ method: "POST", body: JSON.stringify({ query, variables: {} }) });
  const mutation = operation("mutation M { a b }");
  const again = { sends: 2, refreshes: 1 };
  const final = { sends: 1, refreshes: 0 };

  it.each([
    ["nothing", { ...refused, data: null }, mutation, again],
    ["no field of a mutation", { ...refused, data: { a: null, b: null } }, mutation, again],
    ["a part of a mutation", { ...refused, data: { a: 1, b: null } }, mutation, final],
    ["a part of a query", { ...refused, data: { a: 1, b: null } }, operation("query { a b }"), again],
    ["a part of a query by GET", { ...refused, data: { a: 1, b: null } }, { method: "GET" }, again],
    ["a part of a persisted operation", { ...refused, data: { a: 1, b: null } }, operation(), final],
    ["one of a batch", [{ data: { a: 1 } }, refused], operation("{ a }"), again],
    ["all, but for another error", { errors: [{ message: "no" }], data: null }, mutation, final],
    ["no object", "UNAUTHENTICATED", mutation, final],
  ])("that did %s", async (_what, answer, init, expected) => {
    expect(await graphql(answer, init)).toEqual(expected);
  });

  it("under its own media type too, and not under another", async () => {
    expect(await graphql(refused, mutation, "application/graphql-response+json; charset=utf-8")).toEqual(again);
    expect(await graphql(refused, mutation, "multipart/mixed; boundary=-")).toEqual(final);
  });

  it("is refused twice only if it is refused: the second answer is final", async () => {
    const { send, server } = await world({
      isRefused: graphqlRefused,
      fetch: async () => Response.json(refused),
    });
    for (let count = 0; count < 3; count++) await settled(send(API, mutation));
    expect(calls(server, "/auth/refresh")).toBe(1);
  });
});
