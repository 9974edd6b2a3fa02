import { describe, expect, it } from "vitest";

import type { SessionEvent } from "../../src/session/types.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { FakeProfile, type ProfileOptions } from "../fake/profile.js";
import { FakeServer } from "../fake/server.js";
import { ANN, BOB, calls, open, signedIn } from "../fake/world.js";

useFakeClock();

async function sixTabs(given: ProfileOptions = {}) {
  const world = await signedIn(given);
  const sessions = [world.session];
  for (let count = 1; count < 6; count++) {
    const session = open(world.profile.tab());
    await settled(session.start());
    sessions.push(session);
  }
  world.server.log.length = 0;
  return { ...world, sessions };
}

describe("six tabs whose token expires at once", () => {
  it("need one refresh and share what it brought", async () => {
    const { server, sessions } = await sixTabs();
    await pass(901);
    const tokens = await settled(Promise.all(sessions.map((session) => session.token())));
    expect(new Set(tokens.map((token) => token!.value)).size).toBe(1);
    expect(server.log.map((entry) => entry.case)).toEqual(["advance"]);
  });

  it("refresh one after the other without BroadcastChannel", async () => {
    const { server, sessions } = await sixTabs({ channel: false });
    await pass(901);
    const tokens = await settled(Promise.all(sessions.map((session) => session.token())));
    expect(tokens.every((token) => token)).toBe(true);
    expect(server.log.map((entry) => entry.case)).toEqual(Array.from({ length: 6 }, () => "advance"));
  });

  it.each([true, false])("stay signed in without Web Locks (BroadcastChannel: %s)", async (channel) => {
    const { server, sessions } = await sixTabs({ locks: false, channel });
    await pass(901);
    const tokens = await settled(Promise.all(sessions.map((session) => session.token())));
    expect(tokens.every((token) => token)).toBe(true);
    expect(server.cases("reuse") + server.cases("ended")).toBe(0);
  });

  it("opened at once by a restored browser need one refresh", async () => {
    const { server, profile, session } = await signedIn();
    session.close();
    const sessions = Array.from({ length: 6 }, () => open(profile.tab()));
    const snapshots = await settled(Promise.all(sessions.map((one) => one.start())));
    expect(snapshots.every(({ status }) => status === "active")).toBe(true);
    expect(calls(server, "/auth/refresh")).toBe(1);
  });
});

describe("a sibling's token", () => {
  it("is taken without a refresh of one's own, and said to be shared", async () => {
    const { sessions } = await sixTabs();
    const [first, second] = sessions as [(typeof sessions)[0], (typeof sessions)[0]];
    const events: SessionEvent[] = [];
    second.on("refresh", (event) => events.push(event));
    await pass(901);
    await settled(Promise.all([first.token(), second.token()]));
    expect(events.at(-1)).toMatchObject({ outcome: "ok", shared: true, attempts: 0 });
  });

  it("has no more time left than when it was sent", async () => {
    const { profile, session } = await signedIn();
    const other = open(profile.tab());
    await settled(other.start());
    await pass(1);
    const [mine, its] = [session.getSnapshot().expiresAt!, other.getSnapshot().expiresAt!];
    expect(Math.abs(mine - its)).toBeLessThan(10);
  });

  it("mends a tab that is degraded", async () => {
    const { profile, session } = await signedIn();
    const other = open(profile.tab());
    await settled(other.start());
    profile.offline = true;
    await settled(session.refresh());
    profile.offline = false;
    await settled(other.refresh());
    await pass(1);
    expect(session.getSnapshot().status).toBe("active");
  });

  it("is not taken if nothing is left of it", async () => {
    const { session, profile, tab, sid } = await signedIn();
    profile.offline = true;
    await pass(901);
    await settled(session.refresh());
    const late = {
      sid,
      generation: 1,
      token: "t",
      left: 900_000,
      lifetime: 900_000,
      at: Date.now() - 900_000,
      account: null,
    };
    new tab.BroadcastChannel!("gatepass:http://localhost:8000/auth").postMessage(late);
    await pass(1);
    expect(session.getSnapshot().status).toBe("degraded");
  });

  it("is not taken if it is of a session that this jar does not hold, or no token at all", async () => {
    const { session, tab } = await signedIn();
    const channel = new tab.BroadcastChannel!("gatepass:http://localhost:8000/auth");
    const before = session.getSnapshot();
    const good = { generation: 9, token: "stolen", left: 900_000, lifetime: 900_000, at: Date.now(), account: null };
    for (const message of [
      null,
      "token",
      7,
      {},
      { ...good, sid: "f".repeat(32) },
      { ...good, sid: before.sessionId, left: "x" },
    ]) {
      channel.postMessage(message);
    }
    await pass(1);
    expect(session.getSnapshot()).toBe(before);
  });
});

describe("a sign-in in another tab", () => {
  it("is adopted, account and all, with one refresh for all of them", async () => {
    const { profile, server, sessions, ends } = await sixTabs();
    await settled(sessions[5]!.signIn(BOB));
    await pass(1);
    for (const session of sessions) {
      expect(session.getSnapshot()).toMatchObject({ status: "active", account: { email: BOB.email } });
      expect((await settled(session.token()))!.value).toBe((await settled(sessions[5]!.token()))!.value);
    }
    expect(server.log.map((entry) => entry.case)).toEqual(["advance"]);
    expect(profile.jar.get("gatepass")).toContain(sessions[0]!.getSnapshot().sessionId);
    expect(ends).toEqual([]);
  });

  it("is shown by a tab that was anonymous", async () => {
    const { profile, session } = await signedIn();
    await settled(session.signOut());
    const other = open(profile.tab());
    await settled(other.start());
    await settled(session.signIn(ANN));
    await pass(1);
    expect(other.getSnapshot()).toMatchObject({ status: "active", account: { email: ANN.email } });
  });

  it("wakes a tab that was anonymous, at the next request even without a channel", async () => {
    const { profile, session } = await signedIn({ channel: false });
    await settled(session.signOut());
    const other = open(profile.tab());
    expect(await settled(other.start())).toMatchObject({ status: "anonymous" });
    await settled(session.signIn(ANN));
    expect(await settled(other.token())).not.toBeNull();
  });
});

describe("a script in one tab that sends another account's token", () => {
  it.each([
    ["under this session's id", true],
    ["under its own, with a state cookie for it", false],
  ])("%s, changes no other tab's account", async (_name, isUnderOurs) => {
    const { profile, server, session, tab, sid } = await signedIn();
    const thief = open(new FakeProfile(server).tab());
    await settled(thief.signIn(BOB));
    const { value: token } = (await settled(thief.token()))!;
    const foreign = thief.getSnapshot().sessionId!;
    if (!isUnderOurs) profile.jar.set(server.stateCookie, `${foreign}.9.q83vEjRWeJo.4102444800`);
    const times = { left: 900_000, lifetime: 900_000, at: Date.now() };
    const message = { sid: isUnderOurs ? sid : foreign, generation: 9, challenge: "q83vEjRWeJo", token, ...times };
    new tab.BroadcastChannel!("gatepass:http://localhost:8000/auth").postMessage({ ...message, account: null });
    await pass(5);
    expect((await settled(session.token()))!.value).not.toBe(token);
    expect(session.getSnapshot()).toMatchObject({ status: "active", sessionId: sid });
    expect((await settled(session.start())).account).toMatchObject({ email: ANN.email });
  });
});

describe("a lock that is never released", () => {
  it("is waited for longer than a call can take, then done without", async () => {
    const { session, tab, server } = await signedIn();
    void tab.navigator.locks!.request(
      "gatepass:http://localhost:8000/auth",
      {},
      () => new Promise<never>(() => undefined),
    );
    const began = performance.now();
    expect(await settled(session.refresh())).toMatchObject({ status: "active", generation: 1 });
    expect(performance.now() - began).toBeGreaterThan(10_000);
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(server.cases("advance")).toBe(1);
  });
});

describe("a refresh of one user under way, while another signs in in another tab", () => {
  it("is not the refresh that the next user's request waits for", async () => {
    let isSlow = false;
    const fetch: typeof globalThis.fetch = async (input, init) => {
      const answer = await profile.send(`${input}`, init);
      if (isSlow && `${input}`.endsWith("/refresh")) {
        isSlow = false;
        await new Promise((resolve) => setTimeout(resolve, 2_000));
      }
      return answer;
    };
    const profile = new FakeProfile(new FakeServer(), { locks: false });
    const session = open(profile.tab(), { fetch });
    await settled(session.signIn(ANN));
    const other = open(profile.tab());
    await settled(other.start());
    await pass(901);
    isSlow = true;
    const first = session.token().catch((error) => error.kind);
    await pass(0.1);
    await settled(other.signIn(BOB));
    await pass(0.1);
    expect(session.getSnapshot().sessionId).toBe(other.getSnapshot().sessionId);
    expect(await settled(session.token())).not.toBeNull();
    expect(await settled(first)).toBe("session-ended");
  });
});
