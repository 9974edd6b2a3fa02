/** What a refresh proves, and how it does where page and API are on different hosts. */

import { describe, expect, it } from "vitest";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { FakeProfile } from "../fake/profile.js";
import { BOB, calls, open, signedIn } from "../fake/world.js";

useFakeClock();

describe("the proof", () => {
  it("goes with every refresh, with the session and nothing else", async () => {
    const { session, server, sid } = await signedIn();
    await settled(session.refresh());
    const { headers } = server.requests.at(-1)!;
    expect(headers.get("Gatepass-Proof")).toMatch(/^0\.[\w-]{11}\.[\w-]{22}$/);
    expect(headers.get("Gatepass-Session")).toBe(sid);
    expect(headers.has("Gatepass-Client")).toBe(false);
  });

  it("is done without for a whole session when storage refused it at sign-in", async () => {
    const { session, server, profile } = await signedIn({ keys: false });
    await settled(session.refresh());
    profile.canStoreKeys = true;
    await settled(session.refresh());
    const second = open(profile.tab());
    await settled(second.start());
    for (const { headers } of server.requests.filter(({ path }) => path === "/auth/refresh")) {
      expect(headers.get("Gatepass-Client")).toBe("1");
      expect(headers.has("Gatepass-Proof")).toBe(false);
    }
    expect(server.cases("advance")).toBe(3);
  });

  it("is over for this page when storage fails for a minute, and not at the server", async () => {
    const { session, server, profile, sid } = await signedIn();
    session.close();
    profile.canStoreKeys = false;
    const fresh = open(profile.tab());
    for (const wait of [0, 20, 20]) {
      await pass(wait);
      expect(await settled(fresh.refresh())).toMatchObject({ status: "degraded" });
    }
    await pass(30);
    expect(await settled(fresh.refresh())).toMatchObject({ status: "ended", reason: "unproven" });
    expect(server.rows.get(sid)!.revoked).toBeNull();
    profile.canStoreKeys = true;
    expect(await settled(open(profile.tab()).start())).toMatchObject({ status: "active", sessionId: sid });
  });

  it("is over for a page whose profile came back without IndexedDB, and the next sign-in replaces the session", async () => {
    const { session, server, profile, sid } = await signedIn();
    session.close();
    profile.keys.clear();
    const ends: unknown[] = [];
    const restored = open(profile.tab(), { onEnded: (end) => ends.push(end) });
    expect(await settled(restored.start())).toMatchObject({ status: "ended", reason: "unproven" });
    expect(ends).toEqual([{ reason: "unproven", sessionId: sid }]);
    expect([profile.jar.has("gatepass"), server.rows.get(sid)!.revoked]).toEqual([true, null]);
    await settled(restored.signIn(BOB));
    expect(server.rows.get(sid)!.revoked).toBe("replaced");
    expect(await settled(restored.refresh())).toMatchObject({ status: "active", account: { email: BOB.email } });
  });

  it("is over too for one that came back without any storage: its new key does not help", async () => {
    const { session, server, profile } = await signedIn();
    session.close();
    profile.keys.clear();
    profile.storage.clear();
    expect(await settled(open(profile.tab()).start())).toMatchObject({ status: "ended", reason: "unproven" });
    expect(server.log.map((entry) => entry.case)).toEqual(["unproven"]);
  });

  it("is made for a session that the server began, by its first refresh", async () => {
    const { session, server, profile, sid } = await signedIn({ keys: false });
    session.close();
    profile.canStoreKeys = true;
    profile.storage.clear();
    const page = open(profile.tab());
    profile.faults = ["lose-answer"];
    expect(await settled(page.start())).toMatchObject({ status: "degraded" });
    expect(await settled(page.refresh())).toMatchObject({ status: "active", sessionId: sid });
    expect(server.rows.get(sid)!.binding).not.toBeNull();
    await settled(page.refresh());
    const bodies = server.requests.filter(({ path }) => path === "/auth/refresh").map(({ body }) => body);
    expect(bodies).toEqual([bodies[0], bodies[0], null]);
  });

  it("is never done without later: a storage error is degraded", async () => {
    const { session, server, profile } = await signedIn();
    session.close();
    profile.canStoreKeys = false;
    const fresh = open(profile.tab());
    expect(await settled(fresh.start())).toMatchObject({ status: "degraded" });
    expect(calls(server, "/auth/refresh")).toBe(0);
    profile.canStoreKeys = true;
    expect(await settled(fresh.refresh())).toMatchObject({ status: "active" });
  });
});

describe("page and API on different hosts", () => {
  it("goes by the last generation that an answer named, also after a reload", async () => {
    const { session, profile, server, sid } = await signedIn(
      { page: "http://app.localhost:3000/" },
      { baseURL: "http://localhost:8000/auth" },
    );
    await settled(session.refresh());
    session.close();
    const reloaded = open(profile.tab(), { baseURL: "http://localhost:8000/auth" });
    expect(await settled(reloaded.start())).toMatchObject({ status: "active", sessionId: sid, generation: 2 });
    expect(server.cases("superseded")).toBe(0);
  });

  it("takes the right generation from the answer", async () => {
    const { session, profile, server, sid } = await signedIn(
      { page: "http://app.localhost:3000/" },
      { baseURL: "http://localhost:8000/auth" },
    );
    for (const name of profile.storage.keys()) profile.storage.set(name, `${sid}.7.q83vEjRWeJo.0`);
    expect(await settled(session.refresh())).toMatchObject({ status: "active", generation: 1 });
    expect(server.log.map((entry) => entry.case)).toEqual(["superseded", "advance"]);
  });

  it("is signed out once a page of another host has signed in at this API, and asks no more", async () => {
    const [app, admin] = ["http://app.localhost:3000/", "http://admin.localhost:3000/"];
    const { session, profile, server } = await signedIn({ page: app }, { baseURL: "http://localhost:8000/auth" });
    const other = new FakeProfile(server, { page: admin });
    for (const [name, value] of profile.jar) other.jar.set(name, value);
    await settled(open(other.tab(), { baseURL: "http://localhost:8000/auth" }).signIn(BOB));
    server.log.length = 0;
    for (const [name, value] of other.jar) profile.jar.set(name, value);
    expect(await settled(session.refresh())).toMatchObject({ status: "ended", reason: "unproven" });
    expect(server.log.map((entry) => entry.case)).toEqual(["superseded", "unproven"]);
    const reloaded = open(profile.tab(), { baseURL: "http://localhost:8000/auth" });
    expect(await settled(reloaded.start())).toMatchObject({ status: "anonymous" });
    expect(server.log).toHaveLength(2);
  });

  it("ends once the server sees no refresh token, and the next page is anonymous", async () => {
    const { session, profile } = await signedIn(
      { page: "http://app.localhost:3000/" },
      { baseURL: "http://localhost:8000/auth" },
    );
    profile.jar.clear();
    expect(await settled(session.refresh())).toMatchObject({ status: "ended", reason: "cookie-lost" });
    expect(await settled(open(profile.tab(), { baseURL: "http://localhost:8000/auth" }).start())).toMatchObject({
      status: "anonymous",
    });
  });
});
