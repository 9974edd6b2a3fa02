/**
 * An option that is `undefined` counts as not given, also for the compiler of an application that has
 * `exactOptionalPropertyTypes`: this file is compiled with it.
 */

import { afterEach, expect, it, vi } from "vitest";

import { createFetch } from "../src/fetch.js";
import { createWebSocket, openEvents, openSocket } from "../src/live.js";
import { createLoading } from "../src/loading.js";
import { signIn } from "../src/playwright.js";
import { createPageReader } from "../src/server.js";
import { settled } from "./fake/clock.js";
import { FakeSocket, usePage } from "./fake/live-server.js";
import { signedIn } from "./fake/world.js";

usePage();
afterEach(() => vi.unstubAllGlobals());
const none = undefined;

it("in createFetch", async () => {
  const { session } = await signedIn();
  vi.stubGlobal("fetch", async () => new Response("ok"));
  const send = createFetch({ session, origin: none, layers: none, isRefused: none, fetch: none });
  expect((await settled(send("http://localhost:8000/notes"))).status).toBe(200);
});

it("in what keeps a connection open", async () => {
  const { session } = await signedIn();
  const options = { protocols: none, renew: none, binaryType: none, onStatus: none, origin: none };
  openSocket({ session, url: "/chat", onMessage: () => {}, ...options });
  await vi.advanceTimersByTimeAsync(50);
  expect(FakeSocket.all.at(-1)?.protocols).toEqual([]);
  vi.stubGlobal("fetch", async () => new Response(null, { status: 204 }));
  const events = openEvents({ session, url: "/news", signal: none, lastEventId: none, renew: none, fetch: none });
  expect(await settled(events.next())).toMatchObject({ done: true });
  expect(createWebSocket({ session, origin: none, renew: none })).toBeTypeOf("function");
  await settled(session.signOut({ everywhere: none }));
});

it("in what is for servers, tests and spinners", async () => {
  const reader = createPageReader({ baseURL: "https://example.com/auth", leeway: none, fetch: none, now: none });
  expect(await reader.principal({ headers: new Headers(), method: none, url: none })).toBeNull();
  const answer = { status: () => 200, text: async () => '{"init_script": "", "account": {"id": "1"}}' };
  const context = { request: { post: async () => answer }, addInitScript: async () => null };
  const options = { auth: "http://localhost:8000/auth", methods: none, remember: none };
  expect(await signIn(context, "ann@example.com", options)).toEqual({ id: "1" });
  const loading = createLoading();
  loading.track(new Promise(() => {}), { scope: none });
  expect(loading.getSnapshot().count).toBe(1);
});
