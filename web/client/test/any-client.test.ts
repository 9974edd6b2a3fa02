/**
 * Each library with its example from docs/guides/any-client.md: five parallel requests with a refused token, one refresh,
 * five answers, and no token for another origin.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { generate } from "orval";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";

import { createSession } from "../src/session/session.js";
import { faultServer } from "../src/testing.js";
import { appRouter } from "./any-client/router.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { ANN, calls } from "./fake/world.js";

useFakeClock();
afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

const HERE = fileURLToPath(new URL("any-client", import.meta.url));
const GENERATED = fileURLToPath(new URL("../node_modules/.any-client/notes.ts", import.meta.url));
const TEXTS = ["a", "b", "c", "d", "e"];

/** The routes of an application behind `answer`, which looks at the token. `how`: in what way it refuses. */
type Route = (request: Request, answer: Response, how: "401" | "200") => Promise<Response>;

const rest: Route = async (request, answer) =>
  answer.ok ? Response.json({ id: 1, text: (await request.json()).text }) : answer;

const graphql: Route = async (request, answer, how) => {
  const { variables } = await request.json();
  const errors = [{ message: "Sign in.", extensions: { code: "UNAUTHENTICATED" } }];
  if (answer.ok) return Response.json({ data: { addNote: { __typename: "Note", id: 1, text: variables.text } } });
  return how === "401" ? answer : Response.json({ data: { addNote: null }, errors });
};

const trpc: Route = async (request, answer) =>
  fetchRequestHandler({
    endpoint: "/api/trpc",
    req: request,
    router: appRouter,
    createContext: () => ({ isSignedIn: answer.ok }),
  });

/** The example of a library. Orval's is called by what orval generates. */
const load: Record<string, () => Promise<{ addNote(text: string): Promise<unknown> }>> = {
  "openapi-fetch": () => import("./any-client/openapi-fetch.js"),
  "hey-api": () => import("./any-client/hey-api.js"),
  orval: () => import(GENERATED).then(({ addNote }) => ({ addNote: async (text) => (await addNote({ text })).data })),
  ky: () => import("./any-client/ky.js"),
  urql: () => import("./any-client/urql.js"),
  apollo: () => import("./any-client/apollo.js"),
  trpc: () => import("./any-client/trpc.js"),
};

const CASES = [
  ["openapi-fetch", rest, "401"],
  ["hey-api", rest, "401"],
  ["orval", rest, "401"],
  ["ky", rest, "401"],
  ["urql", graphql, "401"],
  ["urql", graphql, "200"],
  ["apollo", graphql, "401"],
  ["apollo", graphql, "200"],
  ["trpc", trpc, "401"],
] as const;

/** A page of http://localhost:8000 with a session of `baseURL`, whose application sits behind `route`. */
async function page(route: Route, how: "401" | "200", baseURL = "http://localhost:8000/auth") {
  const { server, network, fetch: toServer } = faultServer();
  const sent: { url: string; token: string | null; body: string }[] = [];
  vi.stubGlobal("location", new URL("http://localhost:8000/app"));
  const Native = Request;
  class PageRequest extends Native {
    constructor(input: RequestInfo | URL, init?: RequestInit) {
      super(typeof input === "string" ? new URL(input, location.href) : input, init);
    }
  }
  vi.stubGlobal("Request", PageRequest);
  vi.stubGlobal("document", { cookie: "", visibilityState: "visible", baseURI: location.href, addEventListener() {} });
  vi.stubGlobal("fetch", async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new PageRequest(input, init);
    const copy = request.clone();
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/auth")) return toServer(request);
    const answer = await toServer(request);
    sent.push({ url: request.url, token: request.headers.get("Authorization"), body: await copy.clone().text() });
    return route(copy, answer, how);
  });
  const session = createSession({ baseURL, stateCookie: "gatepass_state_8000" });
  vi.stubGlobal("session", session);
  await settled(session.signIn(ANN));
  await pass(6);
  return { server, network, session, sent };
}

beforeAll(() =>
  generate({
    input: `${HERE}/openapi.json`,
    output: {
      target: GENERATED,
      client: "fetch",
      baseUrl: "/api",
      override: { mutator: { path: `${HERE}/orval.ts`, name: "send" } },
    },
  }),
);

describe.each(CASES)("%s", (name, route, how) => {
  it(`answers five parallel calls that are refused by a ${how} with one refresh`, async () => {
    const { server, sent } = await page(route, how);
    const { addNote } = await load[name]!();
    server.refuseTokens();
    const answers = await settled(Promise.all(TEXTS.map(addNote)));
    expect(answers).toMatchObject(TEXTS.map((text) => ({ id: 1, text })));
    expect(calls(server, "/auth/refresh")).toBe(1);
    const [first, second] = [sent.slice(0, sent.length / 2), sent.slice(sent.length / 2)];
    expect(second.map(({ body }) => body).sort()).toEqual(first.map(({ body }) => body).sort());
    expect(new Set(sent.map(({ token }) => token)).size).toBe(2);
  });
});

it("sends a tRPC batch again of which a part was refused, by a 207", async () => {
  const { server, sent } = await page(trpc, "401");
  const { overview } = await import("./any-client/trpc.js");
  server.refuseTokens();
  expect(await settled(overview())).toEqual([7, []]);
  expect([sent.length, calls(server, "/auth/refresh")]).toEqual([2, 1]);
});

const ONCE = CASES.filter(([, , how]) => how === "401");

describe.each(ONCE)("%s", (name, route) => {
  it("sends no token to an origin that is not the session's", async () => {
    const { server, sent } = await page(route, "401", "http://127.0.0.1:8000/auth");
    const { addNote } = await load[name]!();
    await settled(addNote("a").catch(() => null));
    expect(sent.map(({ url, token }) => [new URL(url).origin, token])).toEqual([["http://localhost:8000", null]]);
    expect(calls(server, "/auth/refresh"), "asked after the sign-in whether its cookie came").toBe(1);
  });

  it("tells the refusal after a sign-out as its own error, after one request without a token", async () => {
    const { session, sent } = await page(route, "401");
    const { addNote } = await load[name]!();
    await settled(session.signOut());
    const error = await settled(addNote("a").then(String, (error: unknown) => error));
    expect(error).toBeTypeOf("object");
    expect(sent.map(({ token }) => token)).toEqual([null]);
  });

  it("is shown in the guide as it is here", () => {
    const guide = readFileSync(new URL("../../../docs/guides/any-client.md", import.meta.url), "utf8");
    expect(guide).toContain(readFileSync(`${HERE}/${name}.ts`, "utf8").trim());
  });
});
