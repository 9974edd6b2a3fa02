import { describe, expect, it } from "vitest";

import { contract } from "../contract.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { FakeProfile } from "../fake/profile.js";
import { problem } from "../fake/server.js";
import { BOB, calls, open, signedIn } from "../fake/world.js";

useFakeClock();

interface Schedule {
  superseded: { max_attempts: number; moved: { wait_ms: number[] }; not_moved: { wait_ms: number[] } };
  transient: { initial_wait_ms: number[]; factor: number; max_wait_ms: number };
}

const { superseded, transient } = contract<Schedule>("refresh_schedule");
/** A call takes less than this here, there and back, ms. */
const CALL = 20;

describe("an unknown outcome", () => {
  it.each(["lose-request", "lose-answer", 500, 503, 429] as const)(
    "keeps everything after %s, and the next request mends it",
    async (fault) => {
      const { session, server, profile, ends, sid } = await signedIn();
      await pass(901);
      profile.faults = [fault];
      await expect(settled(session.token())).rejects.toMatchObject({ kind: "refresh-unavailable" });
      expect(session.getSnapshot()).toMatchObject({
        status: "degraded",
        sessionId: sid,
        account: { email: "ann@example.com" },
      });
      expect(await settled(session.token())).not.toBeNull();
      expect(session.getSnapshot()).toMatchObject({ status: "active", generation: 1 });
      expect(server.cases("reuse")).toBe(0);
      expect(ends).toEqual([]);
    },
  );

  it("repeats with the same proof after a lost answer, and gets the same successor", async () => {
    const { session, server, profile } = await signedIn();
    profile.faults = ["lose-answer"];
    await settled(session.refresh());
    await settled(session.refresh());
    expect(server.log.map((entry) => entry.case)).toEqual(["advance", "repeat"]);
    expect(server.log[0]!.proof).toBe(server.log[1]!.proof);
    expect(session.getSnapshot().generation).toBe(1);
  });

  it("goes on a day after a lost answer: the old repeat has no token, its successor has", async () => {
    const { session, server, profile } = await signedIn();
    profile.faults = ["lose-answer"];
    await settled(session.refresh());
    await pass(86_400);
    expect(await settled(session.token())).not.toBeNull();
    expect(server.log.map((entry) => entry.case)).toEqual(["advance", "repeat", "advance"]);
  });

  it("aborts a call that takes too long", async () => {
    const { session, profile, server } = await signedIn();
    await pass(901);
    profile.faults = [{ hang: 60_000 }];
    const began = performance.now();
    expect(await settled(session.refresh())).toMatchObject({ status: "degraded" });
    expect(performance.now() - began).toBeLessThan(10_100);
    expect(calls(server, "/auth/refresh")).toBe(0);
  });

  it("goes on with a token that has time left when the refresh beside it fails", async () => {
    const { session, profile } = await signedIn();
    await pass(850);
    profile.faults = [503, 503, 503];
    const first = await settled(session.token());
    await pass(1);
    expect(session.getSnapshot().status).toBe("active");
    expect(await settled(session.token())).toEqual(first);
    await pass(60);
    await settled(session.refresh());
    expect(session.getSnapshot().status).toBe("degraded");
  });

  it("waits longer from failure to failure, and not any more once it is mended", async () => {
    const { session, profile } = await signedIn();
    const [least, most] = transient.initial_wait_ms as [number, number];
    for (let round = 0; round < 2; round++) {
      profile.faults = Array.from({ length: 8 }, () => 503 as const);
      await settled(session.refresh());
      for (let failure = 0; failure < 8; failure++) {
        const began = performance.now();
        await settled(session.refresh());
        const factor = transient.factor ** failure;
        const waited = performance.now() - began;
        expect(waited).toBeGreaterThan(Math.min(least * factor, transient.max_wait_ms / 2));
        expect(waited).toBeLessThan(Math.min(most * factor, transient.max_wait_ms) + CALL);
      }
      expect(session.getSnapshot().status).toBe("active");
    }
  });

  it("honours Retry-After: until then a request fails at once, without a call", async () => {
    const { session, server } = await signedIn();
    await pass(901);
    server.answers.push(() => problem(503, "store-unavailable", {}, { "Retry-After": "120" }));
    await settled(session.refresh());
    const before = server.requests.length;
    await expect(settled(session.token())).rejects.toMatchObject({
      kind: "refresh-unavailable",
      retryAfterMs: expect.any(Number),
    });
    expect(server.requests.length).toBe(before);
    await pass(121);
    expect(await settled(session.token())).not.toBeNull();
  });

  it.each(["online", "pageshow", "visibilitychange"])("recovers by itself on %s", async (event) => {
    const { session, profile, tab } = await signedIn();
    await pass(901);
    profile.offline = true;
    await settled(session.refresh());
    expect(session.getSnapshot().status).toBe("degraded");
    profile.offline = false;
    tab.happen(event);
    await pass(10);
    expect(session.getSnapshot().status).toBe("active");
  });

  it("does nothing on these events while all is well", async () => {
    const { server, tab } = await signedIn();
    for (const event of ["online", "pageshow", "visibilitychange"]) tab.happen(event);
    await pass(10);
    expect(server.requests).toHaveLength(1);
  });
});

describe("superseded", () => {
  it("is retried at once when the answer brought the right state", async () => {
    const { session, profile, server, sid } = await signedIn({ channel: false });
    await settled(session.refresh());
    // A script, or a rolled-back jar: the readable half disagrees with the other.
    profile.jar.set(server.stateCookie, `${sid}.7.q83vEjRWeJo.4102444800`);
    const began = performance.now();
    expect(await settled(session.refresh())).toMatchObject({ status: "active", generation: 2 });
    expect(performance.now() - began).toBeLessThan(2 * CALL + superseded.moved.wait_ms[1]!);
    expect(server.cases("superseded")).toBe(1);
  });

  it("is retried without a state cookie that a script has planted under a longer name", async () => {
    const { session, profile, sid } = await signedIn({ channel: false });
    await settled(session.refresh());
    for (const planted of [sid, "f".repeat(32)]) {
      profile.jar.set("gatepass_state_8000_auth", `${planted}.0.q83vEjRWeJo.4102444800`);
      session.close();
      expect(await settled(open(profile.tab()).start())).toMatchObject({ status: "active", sessionId: sid });
      expect(profile.jar.has("gatepass_state_8000_auth")).toBe(false);
    }
  });

  it("is retried within a second when nothing moved", async () => {
    const { session, server } = await signedIn();
    server.answers.push(() => problem(409, "refresh-superseded"));
    const began = performance.now();
    expect(await settled(session.refresh())).toMatchObject({ status: "active" });
    expect(performance.now() - began).toBeGreaterThan(superseded.not_moved.wait_ms[0]!);
    expect(performance.now() - began).toBeLessThan(2 * CALL + superseded.not_moved.wait_ms[1]!);
  });

  it("is given up after twenty attempts until the state changes", async () => {
    const { session, server, profile, ends } = await signedIn({ channel: false });
    server.answers = Array.from({ length: 40 }, () => () => problem(409, "refresh-superseded"));
    expect(await settled(session.refresh())).toMatchObject({ status: "active", generation: 0 });
    expect(calls(server, "/auth/refresh")).toBe(superseded.max_attempts);
    await settled(session.refresh());
    expect(calls(server, "/auth/refresh")).toBe(superseded.max_attempts);
    server.answers = [];
    await settled(open(profile.tab()).start());
    expect(await settled(session.refresh())).toMatchObject({ status: "active" });
    expect(ends).toEqual([]);
  });
});

describe("another sign-in in the same jar", () => {
  it("is gone over to, and what was meant for the first user is not sent for the second", async () => {
    const { session, profile, server, ends } = await signedIn({ channel: false });
    const { serial } = (await settled(session.token()))!;
    const other = open(profile.tab());
    await settled(other.signIn(BOB));
    await pass(6);
    await expect(settled(session.token(serial))).rejects.toMatchObject({ kind: "session-ended" });
    await settled(session.start());
    expect(session.getSnapshot()).toMatchObject({ status: "active", account: { email: BOB.email } });
    await expect(settled(session.token(serial))).rejects.toMatchObject({ kind: "session-ended" });
    expect(server.cases("reuse")).toBe(0);
    expect(ends).toEqual([]);
  });

  it("ends as itself, not as the first", async () => {
    const { session, profile, server, ends } = await signedIn({ channel: false });
    const other = open(profile.tab());
    await settled(other.signIn(BOB));
    const { sessionId } = other.getSnapshot();
    server.revoke(sessionId!, "revoked");
    await settled(session.refresh());
    expect(ends).toEqual([{ reason: "revoked", sessionId }]);
  });

  it("is not given the account of the first, whose answer comes late", async () => {
    const { session, profile } = await signedIn();
    session.close();
    const reloaded = open(profile.tab());
    profile.faults = [undefined, { lag: 500 }];
    void reloaded.start();
    await pass(0.1);
    await settled(reloaded.signIn(BOB));
    await pass(1);
    expect(reloaded.getSnapshot().account?.email).toBe(BOB.email);
  });

  it("is kept apart when only the server knows of it", async () => {
    const { session, profile, server, sid } = await signedIn();
    await settled(open(profile.tab()).signIn(BOB));
    profile.jar.set(server.stateCookie, `${sid}.0.q83vEjRWeJo.4102444800`);
    session.close();
    const fresh = open(profile.tab());
    expect(await settled(fresh.start())).toMatchObject({ status: "active", account: { email: BOB.email } });
    expect(server.log.map((entry) => entry.case)).toEqual(["superseded", "advance"]);
  });
});

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
