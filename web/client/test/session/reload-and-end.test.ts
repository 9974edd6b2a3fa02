/** A session is taken up again by a fresh page, and ends by the word of the server alone. */

import { describe, expect, it } from "vitest";
import { createSession } from "../../src/session/session.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { FakeProfile } from "../fake/profile.js";
import { FakeServer, problem } from "../fake/server.js";
import { ANN, calls, open, signedIn } from "../fake/world.js";

useFakeClock();

describe("a fresh page", () => {
  it("is anonymous without any request where the state cookie is missing", async () => {
    const server = new FakeServer();
    const session = open(new FakeProfile(server).tab());
    expect(session.getSnapshot().status).toBe("unknown");
    expect(await settled(session.start())).toMatchObject({ status: "anonymous", reason: null });
    expect(await settled(session.token())).toBeNull();
    expect(server.requests).toHaveLength(0);
  });

  it("goes on after a reload with one refresh, and asks whose session it is", async () => {
    const { profile, server, session, sid } = await signedIn();
    session.close();
    const reloaded = open(profile.tab());
    expect(await settled(reloaded.start())).toMatchObject({ status: "active", sessionId: sid, generation: 1 });
    expect(reloaded.getSnapshot().account?.email).toBe(ANN.email);
    await settled(reloaded.start());
    expect(calls(server, "/auth/refresh")).toBe(1);
  });

  it("knows after a reload who is signed in at the moment when it is active, with one request", async () => {
    const { profile, server, session } = await signedIn();
    session.close();
    const reloaded = open(profile.tab());
    const seen: unknown[] = [];
    reloaded.subscribe(() => {
      const { status, account } = reloaded.getSnapshot();
      seen.push([status, account?.email]);
    });
    const before = server.requests.length;
    await settled(reloaded.start());
    expect(seen).not.toContainEqual(["active", undefined]);
    expect(seen.at(-1)).toEqual(["active", ANN.email]);
    expect(server.requests.slice(before).map(({ path }) => path)).toEqual(["/auth/refresh"]);
    await settled(reloaded.refresh());
    expect(server.requests.at(-1)!.body).toBeNull();
  });

  it("is not active without its account when another tab has sent the token", async () => {
    const { profile, session } = await signedIn();
    session.close();
    const tabs = [open(profile.tab()), open(profile.tab()), open(profile.tab())];
    const seen: unknown[] = [];
    for (const tab of tabs)
      tab.subscribe(() => seen.push([tab.getSnapshot().status, tab.getSnapshot().account?.email]));
    await settled(Promise.all(tabs.map((tab) => tab.start())));
    expect(seen).not.toContainEqual(["active", undefined]);
    expect(tabs.map((tab) => tab.getSnapshot().account?.email)).toEqual([ANN.email, ANN.email, ANN.email]);
  });

  it("is active without its account where that cannot be had", async () => {
    const { profile, server, session } = await signedIn();
    session.close();
    const reloaded = open(profile.tab());
    server.answers.push((request) => {
      const answer = server.receive({ ...request, body: null });
      server.answers.push(() => problem(503, "store-unavailable"));
      return answer;
    });
    expect(await settled(reloaded.start())).toMatchObject({ status: "active", account: null });
  });

  it("sends the same proof after a reload for the same refresh token", async () => {
    const { profile, server, session } = await signedIn();
    profile.faults = ["lose-answer"];
    await settled(session.refresh());
    session.close();
    await settled(open(profile.tab()).start());
    expect(server.log.map((entry) => entry.case)).toEqual(["advance", "repeat"]);
    expect(server.log[0]!.proof).toBe(server.log[1]!.proof);
  });

  it("touches nothing on a server", async () => {
    const { fetch, performance } = globalThis;
    const session = createSession({ baseURL: "/auth" }, { fetch, performance });
    expect(await session.start()).toMatchObject({ status: "unknown" });
    expect(await session.token()).toBeNull();
  });
});

describe("a session that is over", () => {
  it("ends by the server's word: cleared, the state cookie deleted, the application told once", async () => {
    const { session, server, profile, ends, sid } = await signedIn();
    server.revoke(sid, "revoked");
    await pass(901);
    const tokens = await settled(Promise.allSettled([session.token(), session.token()]));
    for (const token of tokens) expect(token).toMatchObject({ status: "rejected", reason: { kind: "session-ended" } });
    expect(session.getSnapshot()).toMatchObject({ status: "ended", reason: "revoked", account: null, sessionId: null });
    expect(profile.jar.has(server.stateCookie)).toBe(false);
    expect(ends).toEqual([{ reason: "revoked", sessionId: sid }]);
    expect(await settled(session.token())).toBeNull();
  });

  it("is not ended by an answer about another session", async () => {
    const { session, server, ends } = await signedIn();
    server.answers.push(() => problem(401, "session-ended", { sid: "f".repeat(32), reason: "revoked" }));
    expect(await settled(session.refresh())).toMatchObject({ status: "active", generation: 0 });
    expect(ends).toEqual([]);
  });

  it("is told of a thief of an unbound cookie: the conflict ends it with the reason", async () => {
    const { session, server, profile, ends } = await signedIn({ keys: false });
    const stolen = new Map(profile.jar);
    const headers = new Headers({ "Gatepass-Client": "1", "Gatepass-Session": session.getSnapshot().sessionId! });
    const request = { method: "POST", path: "/auth/refresh", headers, body: null, cookies: stolen };
    const taken = new Map(Object.entries(server.receive(request).cookies as Record<string, string>));
    server.receive({ ...request, cookies: taken });
    await pass(60);
    await settled(session.refresh());
    expect(ends).toMatchObject([{ reason: "reused" }]);
  });

  it("is not disturbed by a thief of the cookie, who gets nothing", async () => {
    const { session, server, profile, ends } = await signedIn();
    const stolen = new Map(profile.jar);
    const headers = new Headers({ "Gatepass-Client": "1", "Gatepass-Session": session.getSnapshot().sessionId! });
    const answer = server.receive({ method: "POST", path: "/auth/refresh", headers, body: null, cookies: stolen });
    expect([answer.status, answer.cookies]).toEqual([403, undefined]);
    expect(await settled(session.refresh())).toMatchObject({ status: "active", generation: 1 });
    expect(ends).toEqual([]);
  });

  it("ends when cookie and state are gone, and is degraded when only the refresh token is", async () => {
    const { session, profile, server, ends, sid } = await signedIn();
    profile.jar.delete("gatepass");
    await pass(901);
    expect(await settled(session.refresh())).toMatchObject({ status: "degraded" });
    profile.jar.delete(server.stateCookie);
    expect(await settled(session.refresh())).toMatchObject({ status: "ended", reason: "cookie-lost", account: null });
    expect(ends).toEqual([{ reason: "cookie-lost", sessionId: sid }]);
  });

  it("is taken up again when a cookie that was lost comes back", async () => {
    const { session, profile, tab, sid } = await signedIn();
    const before = new Map(profile.jar);
    profile.jar.clear();
    tab.happen("pageshow");
    await pass(1);
    expect(session.getSnapshot()).toMatchObject({ status: "ended", reason: "cookie-lost" });
    for (const [name, value] of before) profile.jar.set(name, value);
    tab.happen("pageshow");
    await pass(1);
    expect(session.getSnapshot()).toMatchObject({ status: "active", sessionId: sid });
  });

  it("is over when only the refresh token stays away for a minute", async () => {
    const { session, profile, ends, sid } = await signedIn();
    profile.jar.delete("gatepass");
    await pass(901);
    for (const wait of [0, 20, 20]) {
      await pass(wait);
      expect(await settled(session.refresh())).toMatchObject({ status: "degraded" });
    }
    await pass(30);
    expect(await settled(session.refresh())).toMatchObject({ status: "ended", reason: "unknown" });
    expect(ends).toEqual([{ reason: "unknown", sessionId: sid }]);
  });

  it("fails for requests that waited while its cookie turned out to be lost", async () => {
    const { session, profile } = await signedIn();
    await pass(901);
    profile.jar.clear();
    await expect(settled(session.token())).rejects.toMatchObject({ kind: "session-ended" });
    expect(await settled(session.token())).toBeNull();
  });

  it("is not believed again when its state cookie comes back", async () => {
    const { session, server, profile, ends, sid } = await signedIn();
    server.revoke(sid, "revoked");
    await settled(session.refresh());
    profile.jar.set(server.stateCookie, `${sid}.1.q83vEjRWeJo.4102444800`);
    expect(await settled(session.token())).toBeNull();
    expect(ends).toHaveLength(1);
  });
});
