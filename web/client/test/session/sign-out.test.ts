import { describe, expect, it } from "vitest";

import { pass, settled, useFakeClock } from "../fake/clock.js";
import { problem } from "../fake/server.js";
import { ANN, BOB, calls, open, signedIn } from "../fake/world.js";

useFakeClock();

describe("signing out", () => {
  it("ends the session here, in the other tabs and at the server", async () => {
    const { session, server, profile, ends, sid } = await signedIn();
    const heard: unknown[] = [];
    const other = open(profile.tab(), { onEnded: (end) => heard.push(end) });
    await settled(other.start());
    await settled(session.signOut());
    await pass(1);
    for (const one of [session, other])
      expect(one.getSnapshot()).toMatchObject({ status: "ended", reason: "signed-out", account: null });
    expect([ends, heard]).toEqual([
      [{ reason: "signed-out", sessionId: sid }],
      [{ reason: "signed-out", sessionId: sid }],
    ]);
    expect(server.rows.get(sid)!.revoked).toBe("revoked");
    expect(profile.jar.size + profile.storage.size).toBe(0);
  });

  it("names its session to the server", async () => {
    const { session, server, sid } = await signedIn();
    await settled(session.signOut());
    expect(server.requests.at(-1)).toMatchObject({ path: "/auth/logout" });
    expect(server.requests.at(-1)!.headers.get("Gatepass-Session")).toBe(sid);
  });

  it("takes effect before any answer", async () => {
    const { session } = await signedIn();
    const leaving = session.signOut();
    expect(session.getSnapshot().status).toBe("ended");
    expect(await session.token()).toBeNull();
    await settled(leaving);
  });

  it("does nothing for anonymous visitors, and twice is once", async () => {
    const { session, server, ends } = await signedIn();
    await settled(session.signOut());
    await settled(session.signOut());
    expect(calls(server, "/auth/logout")).toBe(1);
    expect(ends).toHaveLength(1);
  });

  it("everywhere ends all sessions of the account", async () => {
    const { session, server } = await signedIn();
    const elsewhere = new Headers({ "Gatepass-Client": "1" });
    server.receive({ method: "POST", path: "/auth/login", headers: elsewhere, body: ANN, cookies: new Map() });
    await pass(901);
    await settled(session.signOut({ everywhere: true }));
    expect([...server.rows.values()].every((row) => row.revoked)).toBe(true);
  });

  it("everywhere says so if that could not be done, and has signed out here", async () => {
    const { session, profile } = await signedIn();
    profile.offline = true;
    await expect(settled(session.signOut({ everywhere: true }))).rejects.toMatchObject({ kind: "network" });
    expect(session.getSnapshot().status).toBe("ended");
  });

  it("wins over a refresh in flight", async () => {
    const { session, profile, server, ends, sid } = await signedIn();
    const refreshing = session.refresh();
    await pass(0.003);
    await settled(session.signOut());
    await settled(refreshing);
    expect(session.getSnapshot()).toMatchObject({ status: "ended", reason: "signed-out" });
    expect(await session.token()).toBeNull();
    expect(profile.jar.has(server.stateCookie)).toBe(false);
    expect(server.rows.get(sid)!.revoked).toBe("revoked");
    expect(ends).toHaveLength(1);
  });

  it("is told once, also if it comes while a refresh waits for its next attempt", async () => {
    const { session, profile, ends, sid } = await signedIn();
    await pass(901);
    profile.faults = [503];
    await expect(settled(session.token())).rejects.toMatchObject({ kind: "refresh-unavailable" });
    const waiting = session.token().catch(() => null);
    await settled(session.signOut());
    await settled(waiting);
    expect(ends).toEqual([{ reason: "signed-out", sessionId: sid }]);
    expect(profile.tab().document!.cookie).toBe("");
  });

  it("wins over a refresh in flight without Web Locks too", async () => {
    const { session, profile, server } = await signedIn({ locks: false });
    const other = open(profile.tab());
    await settled(other.start());
    profile.faults = [{ lag: 500 }];
    const refreshing = other.refresh();
    await pass(0.02);
    await settled(session.signOut());
    await settled(refreshing);
    for (const one of [session, other]) expect(one.getSnapshot()).toMatchObject({ status: "ended" });
    expect(profile.jar.has(server.stateCookie)).toBe(false);
  });
});

describe("a session that was signed out of", () => {
  it("is not taken up from a sibling that has not heard yet", async () => {
    const { session, profile, server, tab, sid } = await signedIn();
    await settled(session.signOut());
    profile.jar.set(server.stateCookie, `${sid}.1.q83vEjRWeJo.4102444800`);
    const late = { sid, generation: 1, token: "t", left: 900_000, lifetime: 900_000, at: Date.now(), account: null };
    new tab.BroadcastChannel!("gatepass:http://localhost:8000/auth").postMessage(late);
    await pass(1);
    expect(session.getSnapshot().status).toBe("ended");
  });
});

describe("a page that heard nothing of it (frozen, or without BroadcastChannel)", () => {
  it.each([true, false])("learns of a sign-out when it wakes up (offline: %s)", async (offline) => {
    const { session, profile, server, tab } = await signedIn({ channel: false });
    const other = open(profile.tab());
    await settled(other.start());
    profile.offline = offline;
    await settled(other.signOut());
    tab.happen("pageshow");
    await pass(1);
    expect(session.getSnapshot()).toMatchObject({
      status: "ended",
      reason: offline ? "signed-out" : "cookie-lost",
      account: null,
    });
    expect(await session.token()).toBeNull();
    expect(server.cases("reuse")).toBe(0);
  });

  it("learns of another sign-in when it wakes up", async () => {
    const { session, profile, tab } = await signedIn({ channel: false });
    await settled(open(profile.tab()).signIn(BOB));
    tab.happen("visibilitychange");
    await pass(1);
    expect(session.getSnapshot()).toMatchObject({ status: "active", account: { email: BOB.email } });
  });
});

describe("signing out without a network", () => {
  it("is confirmed by the server when the network is back", async () => {
    const { session, profile, server, tab, sid } = await signedIn();
    profile.offline = true;
    await settled(session.signOut());
    expect(server.rows.get(sid)!.revoked).toBeNull();
    profile.offline = false;
    tab.happen("online");
    await pass(1);
    expect(server.rows.get(sid)!.revoked).toBe("revoked");
    expect(profile.storage.size).toBe(0);
  });

  it("is confirmed at a later start, and until then the session is not resumed", async () => {
    const { session, profile, server, sid } = await signedIn();
    profile.offline = true;
    await settled(session.signOut());
    session.close();
    // An answer that was still under way sets the cookie again.
    profile.jar.set(server.stateCookie, `${sid}.1.q83vEjRWeJo.4102444800`);
    const later = open(profile.tab());
    expect(await settled(later.start())).toMatchObject({ status: "anonymous" });
    expect(await settled(later.token())).toBeNull();
    later.close();
    profile.offline = false;
    open(profile.tab());
    await pass(1);
    expect(calls(server, "/auth/refresh")).toBe(0);
    expect(server.rows.get(sid)!.revoked).toBe("revoked");
    expect([...profile.storage]).toEqual([]);
  });

  it("keeps no secret for that", async () => {
    const { session, profile, sid } = await signedIn();
    profile.offline = true;
    await settled(session.signOut());
    expect([...profile.storage.values()]).toEqual([sid]);
  });

  it("is dropped rather than to sign out whoever has signed in since", async () => {
    const { session, profile, server, sid } = await signedIn();
    profile.offline = true;
    await settled(session.signOut());
    profile.offline = false;
    const headers = new Headers({ "Gatepass-Client": "1" });
    const { cookies } = server.receive({
      method: "POST",
      path: "/auth/login",
      headers,
      body: BOB,
      cookies: profile.jar,
    });
    for (const [name, value] of Object.entries(cookies!)) profile.jar.set(name, value!);
    const later = open(profile.tab());
    expect(await settled(later.start())).toMatchObject({ status: "active", account: { email: BOB.email } });
    expect(calls(server, "/auth/logout")).toBe(0);
    expect([...profile.storage.values()]).not.toContain(sid);
  });

  it("is dropped when the server says that the cookie is somebody else's", async () => {
    const { session, profile, server } = await signedIn();
    server.answers.push(() => problem(409, "session-mismatch"));
    await settled(session.signOut());
    expect(profile.storage.size).toBe(0);
  });

  it("is done by the next sign-in, which replaces the session", async () => {
    const { session, profile, server, sid } = await signedIn();
    profile.offline = true;
    await settled(session.signOut());
    profile.offline = false;
    await settled(session.signIn(BOB));
    expect(server.rows.get(sid)!.revoked).toBe("replaced");
    expect([...profile.storage.keys()]).toEqual(["gatepass:http://localhost:8000/auth:key"]);
    expect(session.getSnapshot()).toMatchObject({ status: "active", account: { email: BOB.email } });
  });

  it("lasts as long as the tab where storage is refused", async () => {
    const { session, profile, server, tab, sid } = await signedIn({ storage: false });
    profile.offline = true;
    await settled(session.signOut());
    profile.offline = false;
    tab.happen("online");
    await pass(1);
    expect(server.rows.get(sid)!.revoked).toBe("revoked");
  });
});
