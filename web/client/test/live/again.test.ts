/** Connections and links of a session that goes on after something went wrong. */

import { afterEach, expect, it, vi } from "vitest";

import { followLink } from "../../src/links.js";
import { type Place, readEvents } from "../../src/live/event-stream.js";
import { openEvents, sessionSignal } from "../../src/live.js";
import { settled } from "../fake/clock.js";
import { pass, usePage } from "../fake/live-server.js";
import { problem } from "../fake/server.js";
import { calls, signedIn } from "../fake/world.js";

usePage();
afterEach(() => vi.restoreAllMocks());

it("the signal of a session whose cookie was lost and came back is not that of before, which has fired", async () => {
  const { session, profile, tab } = await signedIn();
  const before = sessionSignal(session);
  const jar = new Map(profile.jar);
  profile.jar.clear();
  await settled(session.refresh());
  expect([session.getSnapshot().reason, before.aborted]).toEqual(["cookie-lost", true]);
  for (const [name, value] of jar) profile.jar.set(name, value);
  tab.happen("pageshow");
  await pass(1_000);
  expect(session.getSnapshot().status).toBe("active");
  expect(sessionSignal(session).aborted).toBe(false);
});

it("an event that ends with CR is told at once, and a LF behind it in the next chunk ends no other line", async () => {
  let write!: (text: string) => void;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      write = (text) => controller.enqueue(new TextEncoder().encode(text));
    },
  });
  const events = readEvents(body, { id: "", retry: 1 });
  write("data: a\r\r");
  expect((await events.next()).value).toMatchObject({ data: "a" });
  write("data: b\r");
  write("\ndata: c\r\n\r");
  expect((await events.next()).value).toMatchObject({ data: "b\nc" });
  write("\n");
  write("data: d\n\n");
  expect((await events.next()).value).toMatchObject({ data: "d" });
});

it("a stream that says `retry: 0` does not have a server that fails asked without a pause", async () => {
  const { session } = await signedIn();
  let asked = 0;
  vi.stubGlobal("fetch", async () => {
    const ok = { headers: { "Content-Type": "text/event-stream" } };
    return ++asked === 1 ? new Response("retry: 0\n\n", ok) : new Response(null, { status: 503 });
  });
  const place: Place = { id: "", retry: 7 };
  for await (const _ of readEvents(new Response("retry: 0\n\n").body!, place));
  expect(place.retry).toBeGreaterThan(0);
  const loop = openEvents({ session, url: "/news" }).next();
  await pass(60_000);
  expect(asked).toBeGreaterThan(5);
  expect(asked).toBeLessThan(30);
  await settled(session.signOut());
  expect(await loop).toMatchObject({ done: true });
});

it("a stream that is refused for a young token asks whether the session has ended, and then says 401 once", async () => {
  const one = await signedIn();
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => one.profile.send(url, init));
  one.server.revoke(one.sid, "revoked");
  const ended = openEvents({ session: one.session, url: "/news" }).next();
  expect(await settled(ended)).toMatchObject({ done: true });
  expect(one.ends).toMatchObject([{ reason: "revoked" }]);

  const two = await signedIn();
  vi.stubGlobal("fetch", async () => new Response("{}", { status: 401, headers: { "WWW-Authenticate": "Basic" } }));
  const refused = openEvents({ session: two.session, url: "/news" }).next();
  await expect(settled(refused)).rejects.toMatchObject({ kind: "http", status: 401 });
  expect(calls(two.server, "/auth/refresh")).toBe(1);
});

it("an error that `onError` throws is its own, and the link is followed on", async () => {
  const { session, server } = await signedIn();
  const thrown: unknown[] = [];
  const caught = (error: unknown) => void thrown.push(error);
  process.on("uncaughtException", caught);
  const links: (string | null)[] = [];
  server.answers.push(() => problem(503, "unavailable"));
  const bug = new Error("a bug of the application");
  const onError = () => {
    throw bug;
  };
  const stop = followLink(session, "/files/7", (link) => links.push(link), { onError });
  await pass(5_000);
  process.off("uncaughtException", caught);
  stop();
  expect(links).toEqual([expect.stringContaining("/files/7?gp_link=")]);
  expect(thrown).toEqual([bug]);
});
