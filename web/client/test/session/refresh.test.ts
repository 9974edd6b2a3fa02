/** What becomes of a session whose refresh has no outcome, or one that another tab or sign-in came before. */

import { describe, expect, it } from "vitest";
import { contract } from "../contract.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
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
