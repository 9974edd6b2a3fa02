import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { createSession } from "../../src/session/session.js";
import type { SessionEvent } from "../../src/session/types.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { FakeProfile, type ProfileOptions } from "../fake/profile.js";
import { FakeServer, problem } from "../fake/server.js";
import { ANN, open, signedIn } from "../fake/world.js";

useFakeClock();
const said: string[] = [];
beforeEach(() => {
  said.length = 0;
  vi.spyOn(console, "warn").mockImplementation((text: string) => void said.push(text));
});
afterEach(() => vi.restoreAllMocks());

/** Waits until the sentences are loaded, and no message of another tab is under way any more. */
async function heard() {
  await import("../../src/session/diagnosis.js");
  await pass(2);
  expect(said).not.toEqual([]);
}
const elsewhere: ProfileOptions = { page: "http://app.example/" };
const API = { baseURL: "http://localhost:8000/auth" };

describe("a set-up that does not work", () => {
  it("is told when the server sets its state cookie under another name", async () => {
    const server = new FakeServer("gatepass_state_9000");
    const session = open(new FakeProfile(server).tab());
    const events: SessionEvent[] = [];
    session.on("warning", (event) => events.push(event));
    await settled(session.signIn(ANN));
    await heard();
    expect(said[0]).toContain("the server has set gatepass_state_9000, and this page expects gatepass_state_8000");
    expect(said[0]).toContain("Set GATEPASS_PUBLIC_URL to http://localhost:8000");
    expect(events).toMatchObject([{ type: "warning", code: "state-cookie" }]);
    expect(said[0]).toContain(events[0]!.type === "warning" && events[0]!.message);
  });

  it("is told by the next page too, since the one that signs in mostly goes there before it has said anything", async () => {
    const profile = new FakeProfile(new FakeServer("gatepass_state_9000"));
    await settled(open(profile.tab()).signIn(ANN));
    await heard();
    said.length = 0;
    expect(await settled(open(profile.tab()).start())).toMatchObject({ status: "anonymous" });
    await heard();
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(
      "but this page is signed out: the server has set gatepass_state_9000, and this page expects",
    );
  });

  it("names the cookie of its own session, where another gate of this host has one too", async () => {
    const profile = new FakeProfile(new FakeServer("gatepass_state_9000"));
    profile.jar.set("gatepass_state_7000", `${"ab".repeat(16)}.0.AAAAAAAAAAA.9999999999`);
    await settled(open(profile.tab()).signIn(ANN));
    await heard();
    expect(said[0]).toContain("the server has set gatepass_state_9000, and this page expects gatepass_state_8000");
  });

  it.each([
    ["blocked cookies", "http://localhost:8000/app", "/auth", "its cookies are blocked"],
    ["plain http on a real host", "http://shop.example/app", "/auth", "browsers refuse its cookies over plain http"],
  ])("is told of %s", async (_, page, baseURL, sentence) => {
    const server = new FakeServer();
    const profile = new FakeProfile(server, { page });
    vi.spyOn(profile.jar, "set").mockReturnValue(profile.jar);
    const session = open(profile.tab(), { baseURL });
    await expect(settled(session.signIn(ANN))).rejects.toMatchObject({ kind: "cookies-blocked" });
    await heard();
    expect(said[0]).toContain(sentence);
    expect(session.getSnapshot().status).not.toBe("active");
    expect(server.requests.at(-1)?.path).toBe("/auth/logout");
  });

  it("is told once, however often it shows", async () => {
    const server = new FakeServer("gatepass_state_9000");
    const session = open(new FakeProfile(server).tab());
    await settled(session.signIn(ANN));
    await heard();
    await settled(session.signIn(ANN));
    await pass(5);
    expect(said).toHaveLength(1);
  });

  it("is told where a browser keeps no cookie of another site, and nobody is signed in", async () => {
    const profile = new FakeProfile(new FakeServer(), elsewhere);
    vi.spyOn(profile.jar, "set").mockReturnValue(profile.jar);
    const session = open(profile.tab(), API);
    await expect(settled(session.signIn(ANN))).rejects.toMatchObject({ kind: "cookies-blocked" });
    await heard();
    expect(said[0]).toContain("keeps no cookies of localhost:8000 for pages of http://app.example");
    expect(await settled(session.start())).toMatchObject({ status: "anonymous" });
  });

  it("is told where a session that began on the way to this page has no cookie here", async () => {
    const page = `${elsewhere.page}?gatepass_signed_in=localhost%3A8000`;
    const session = open(new FakeProfile(new FakeServer(), { page }).tab(), API);
    expect(await settled(session.start())).toMatchObject({ status: "anonymous" });
    await heard();
    expect(said[0]).toContain("put page and API on one site");
  });

  it.each([
    ["another sign-in", ""],
    ["a link that signs in", "?gatepass_signed_in=localhost%3A8000"],
  ])(
    "is told where a browser goes on to send what its host has set before, and keeps nothing newer: %s",
    async (_, query) => {
      const server = new FakeServer();
      const profile = new FakeProfile(server, { keys: false });
      await settled(open(profile.tab()).signIn(ANN)); // on the API's own host
      profile.storage.clear();
      vi.spyOn(profile.jar, "set").mockReturnValue(profile.jar);
      const session = open(profile.tab(`${elsewhere.page}${query}`), API);
      if (!query) await expect(settled(session.signIn(ANN))).rejects.toMatchObject({ kind: "cookies-blocked" });
      expect(await settled(session.start())).toMatchObject({ status: "anonymous", account: null });
      await heard();
      expect(said[0]).toContain("keeps no cookies of localhost:8000 for pages of http://app.example");
      expect([...profile.storage.values()], "nothing is left").toEqual([]);
      expect(await settled(open(profile.tab(elsewhere.page), API).start())).toMatchObject({ status: "anonymous" });
    },
  );

  it.each([
    ["another tab refreshes first", true],
    ["the page is loaded again", false],
  ])("is told where that shows only after the page has asked whose the cookie is, and %s", async (_, isOpen) => {
    const server = new FakeServer();
    const profile = new FakeProfile(server, { keys: false });
    await settled(open(profile.tab()).signIn(ANN)); // on the API's own host
    profile.storage.clear();
    vi.spyOn(profile.jar, "set").mockReturnValue(profile.jar);
    let left = 1;
    const fetch: typeof globalThis.fetch = (input, init) =>
      left-- > 0 ? tab.fetch(input, init) : Promise.reject(new TypeError("no network"));
    const tab = profile.tab(`${elsewhere.page}?gatepass_signed_in=localhost%3A8000`);
    const first = open(tab, { ...API, fetch });
    await settled(first.start());
    expect(left, "its first refresh found no network").toBeLessThan(0);
    if (!isOpen) first.close();

    const second = open(profile.tab(elsewhere.page), API);
    expect(await settled(second.start())).toMatchObject({ status: "anonymous", account: null });
    await heard();
    expect(said[0]).toContain("keeps no cookies of localhost:8000 for pages of http://app.example");
    left = Infinity;
    if (isOpen) expect(await settled(first.refresh())).toMatchObject({ reason: "cookie-lost", account: null });
    expect(server.cases("reuse")).toBe(0);
    expect([...profile.storage.values()], "nothing is left").toEqual([]);
  });

  it("is told by the next refresh where nothing has answered the question", async () => {
    const server = new FakeServer();
    const profile = new FakeProfile(server, { keys: false });
    await settled(open(profile.tab()).signIn(ANN)); // on the API's own host
    profile.storage.clear();
    vi.spyOn(profile.jar, "set").mockReturnValue(profile.jar);
    server.answers.push(
      () => undefined,
      () => undefined,
      () => problem(503, "unavailable"),
    );
    const session = open(profile.tab(`${elsewhere.page}?gatepass_signed_in=localhost%3A8000`), API);
    expect(await settled(session.start())).toMatchObject({ status: "degraded", account: null });
    expect(server.cases("advance")).toBe(1);
    await settled(session.refresh());
    await heard();
    expect(said[0]).toContain("keeps no cookies of localhost:8000 for pages of http://app.example");
    expect(session.getSnapshot()).toMatchObject({ reason: "cookie-lost", account: null });
    expect(server.cases("reuse")).toBe(0);
    expect([...profile.storage.values()], "nothing is left").toEqual([]);
  });

  it("is told when the server refuses the origin of the page", async () => {
    const server = new FakeServer();
    server.answers.push(() => problem(403, "cross-site"));
    const session = open(new FakeProfile(server, elsewhere).tab(), API);
    await settled(session.signIn(ANN).catch(() => null));
    await heard();
    expect(said[0]).toContain("refuses sign-ins from http://app.example: add it to GATEPASS_ORIGINS");
  });

  it("is told when the server answers, but not to this page", async () => {
    const profile = new FakeProfile(new FakeServer(), elsewhere);
    const tab = profile.tab();
    const session = createSession({ ...API }, tab);
    profile.faults = ["lose-request"];
    await settled(session.signIn(ANN).catch(() => null));
    await pass(1);
    await heard();
    expect(said[0]).toContain("http://localhost:8000 answers, but not to pages of http://app.example");
  });

  it("is told of a session in a worker, which has no page", async () => {
    const { fetch, performance } = globalThis;
    createSession(API, { fetch, performance, WorkerGlobalScope: class {} });
    await heard();
    expect(said[0]).toContain("made in a worker");
  });
});

describe("a set-up that works", () => {
  it("is silent where another tab signs out while a refresh is under way", async () => {
    const { session, profile } = await signedIn();
    const other = open(profile.tab());
    await settled(other.start());
    await settled(Promise.all([session.refresh(), other.signOut(), session.refresh()]));
    await pass(5);
    expect(said).toEqual([]);
  });

  it("is silent for a visitor, after a sign-out, and where a session has run out beside one of another gate", async () => {
    const { session, profile } = await signedIn();
    profile.jar.set("gatepass_state_7000", `${"ab".repeat(16)}.0.AAAAAAAAAAA.9999999999`);
    profile.jar.delete("gatepass_state_8000");
    await settled(open(profile.tab()).start());
    await settled(session.signOut());
    await settled(open(profile.tab()).start());
    await settled(open(new FakeProfile(new FakeServer()).tab()).start());
    await pass(5);
    expect(said).toEqual([]);
  });

  it("is silent, also when the network fails", async () => {
    const { session, profile } = await signedIn();
    profile.offline = true;
    await settled(session.refresh());
    const offline = new FakeProfile(new FakeServer(), elsewhere);
    offline.offline = true;
    await settled(
      open(offline.tab(), API)
        .signIn(ANN)
        .catch(() => null),
    );
    await pass(5);
    expect(said).toEqual([]);
  });
});
