/** What `gatepass/fetch` sends of a body, and whether it sends it twice. */

import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";

import { createClient, createFetch } from "../../src/fetch.js";
import { createBudget } from "../../src/request/retry-budget.js";
import { retry } from "../../src/retry.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { signedIn } from "../fake/world.js";

useFakeClock();

async function world() {
  const made = await signedIn();
  const sent: RequestInit[] = [];
  const fetch: typeof globalThis.fetch = async (_url, init) => {
    sent.push(init!);
    return Response.json({});
  };
  return { ...made, sent, client: createClient({ session: made.session, fetch }) };
}

async function* parts() {
  yield new TextEncoder().encode("hello");
}

class Note {
  readonly text = "hello";
}

describe("a body", () => {
  it.each([
    ["a plain object", { text: "hello" }],
    ["an object without a prototype", Object.assign(Object.create(null), { text: "hello" })],
    ["an object of a class", new Note()],
    ["an object that says how it is written", { toJSON: () => ({ text: "hello" }) }],
    ["an object with a member that streams have", { text: "hello", pipe: undefined }],
  ])("is JSON: %s", async (_what, body) => {
    const { client, sent } = await world();
    await settled(client.post("/notes", body));
    expect(sent[0]!.body).toBe('{"text":"hello"}');
    expect(new Headers(sent[0]!.headers).get("Content-Type")).toBe("application/json");
  });

  it.each([
    ["a text", "hello"],
    ["a form", new FormData()],
    ["parameters", new URLSearchParams("a=1")],
    ["a Blob", new Blob(["hello"])],
    ["bytes", new Uint8Array([1, 2])],
    ["a buffer", new ArrayBuffer(2)],
    ["a view", new DataView(new ArrayBuffer(2))],
  ])("goes as it is: %s", async (_what, body) => {
    const { client, sent } = await world();
    await settled(client.post("/notes", body));
    expect(sent[0]!.body).toBe(body);
    expect(new Headers(sent[0]!.headers).has("Content-Type")).toBe(false);
  });

  it.each([
    ["of the Web", () => new ReadableStream()],
    ["of Node", () => Readable.from(["hello"])],
    ["of a generator", parts],
    ["of an object that is iterated", () => ({ [Symbol.asyncIterator]: parts })],
  ])("that is a stream %s is sent once: a refused one is told, and not sent empty", async (_what, made) => {
    const { session, server } = await signedIn();
    server.refuseTokens();
    await pass(6);
    const sent: RequestInit[] = [];
    const fetch: typeof globalThis.fetch = async (_url, init) => {
      sent.push(init!);
      return new Response(null, { status: 401, headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' } });
    };
    const client = createClient({ session, fetch });
    await expect(settled(client.post("/notes", made()))).rejects.toMatchObject({ kind: "not-replayable", status: 401 });
    expect(sent).toMatchObject([{ duplex: "half" }]);
  });

  it.each([
    ["of the Web", () => new ReadableStream()],
    ["of a generator", parts],
  ])("that is a stream %s is sent once by createFetch too, also where a retry would help", async (_what, made) => {
    const { session, server } = await signedIn();
    server.refuseTokens();
    await pass(6);
    const answers = [503, 401];
    const fetch: typeof globalThis.fetch = async () =>
      new Response(null, { status: answers.shift()!, headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' } });
    const send = createFetch({ session, fetch, layers: [retry({ budget: createBudget() })] });
    const put = () =>
      settled(send("http://localhost:8000/notes", { method: "PUT", body: made(), duplex: "half" } as RequestInit));
    expect((await put()).status).toBe(503);
    await expect(put()).rejects.toMatchObject({ cause: { kind: "not-replayable", status: 401 } });
  });

  it("that a generator makes reaches the server whole", async () => {
    const { session } = await signedIn();
    const heard: string[] = [];
    const fetch: typeof globalThis.fetch = async (_url, init) => {
      heard.push(await new Request("http://localhost/", init).text());
      return Response.json({});
    };
    await settled(createClient({ session, fetch }).post("/notes", parts()));
    expect(heard).toEqual(["hello"]);
  });
});

describe("an option of a request that is undefined", () => {
  it("counts as not given: that of the client stays", async () => {
    const { session } = await signedIn();
    const sent: RequestInit[] = [];
    const fetch: typeof globalThis.fetch = async (_url, init) => {
      sent.push(init!);
      return new Response("{}", { status: 500, headers: { "Content-Type": "application/json" } });
    };
    const client = createClient({ session, fetch, throwHttpErrors: false, credentials: "include", timeout: 5_000 });
    const none = { throwHttpErrors: undefined, method: undefined, timeout: undefined, query: undefined };
    const given = { ...none, credentials: undefined } as object;
    expect((await settled(client.get("/notes", given))).status).toBe(500);
    expect((await settled(client.request("/notes", given))).request).toMatchObject({ method: "GET", timeout: 5_000 });
    expect(sent.map(({ credentials }) => credentials)).toEqual(["include", "include"]);
  });

  it("and null is given: a request without the client's signal", async () => {
    const { session } = await signedIn();
    const signal = AbortSignal.abort();
    const fetch: typeof globalThis.fetch = async () => Response.json({});
    const client = createClient({ session, fetch, signal });
    expect((await settled(client.get("/notes", { signal: null }))).status).toBe(200);
  });
});
