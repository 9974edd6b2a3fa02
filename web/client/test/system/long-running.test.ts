/**
 * The hard hours that need no real browser: what must hold when clocks leap, storage goes and the network comes and goes.
 *
 * Those that only a browser tells are in tests/system/browser/test_hours_*.py.
 */

import { describe, expect, it, vi } from "vitest";

import { readRetryAfter } from "../../src/errors.js";
import type { Session } from "../../src/session/types.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import type { FakeTab, ProfileOptions } from "../fake/profile.js";
import { problem } from "../fake/server.js";
import { ANN, BOB, calls, open, signedIn } from "../fake/world.js";

useFakeClock();

const DAY = 86_400_000;

async function tabs(count: number, given: ProfileOptions = {}) {
  const world = await signedIn(given);
  const all: { tab: FakeTab; session: Session }[] = [world];
  while (all.length < count) {
    const tab = world.profile.tab();
    const session = open(tab);
    await settled(session.start());
    all.push({ tab, session });
  }
  world.server.log.length = 0;
  return { ...world, all };
}

describe("a laptop that slept", () => {
  it("refreshes once for six tabs though no tab's clock has seen the night pass", async () => {
    const { server, all } = await tabs(6);
    await pass(6);
    server.refuseTokens();
    const stale = await settled(Promise.all(all.map(({ session }) => session.token())));
    for (const { tab } of all) for (const type of ["visibilitychange", "pageshow", "online"]) tab.happen(type);
    const tokens = await settled(
      Promise.all(
        all.flatMap(({ session }, index) => Array.from({ length: 30 }, () => session.token(stale[index]!.serial))),
      ),
    );
    expect(new Set(tokens.map((token) => token!.value)).size).toBe(1);
    expect(server.log.map((entry) => entry.case)).toEqual(["advance"]);
  });

  it("asks nothing when it wakes and nobody needs a token", async () => {
    const { server, all } = await tabs(6);
    const before = server.requests.length;
    await pass(30_000);
    for (const { tab } of all) for (const type of ["visibilitychange", "pageshow", "online"]) tab.happen(type);
    await pass(60);
    expect(server.requests).toHaveLength(before);
  });

  it("goes on after a wake without a network, once there is one", async () => {
    const { server, profile, all } = await tabs(3);
    await pass(901);
    profile.offline = true;
    await settled(Promise.allSettled(all.map(({ session }) => session.token())));
    expect(all.map(({ session }) => session.getSnapshot().status)).toEqual(["degraded", "degraded", "degraded"]);
    profile.offline = false;
    for (const { tab } of all) tab.happen("online");
    await pass(10);
    expect(all.map(({ session }) => session.getSnapshot().status)).toEqual(["active", "active", "active"]);
    expect(server.cases("advance")).toBe(1);
    expect(server.cases("reuse")).toBe(0);
  });
});

describe("a clock that is set right", () => {
  it.each([
    ["back by a day", -DAY],
    ["ahead by a day", DAY],
  ])("%s while a token is on its way to a sibling ends no session", async (_name, leap) => {
    const { server, all } = await tabs(2);
    const [one, other] = [all[0]!, all[1]!];
    await settled(one.session.refresh());
    vi.setSystemTime(Date.now() + leap);
    await pass(1);
    vi.setSystemTime(Date.now() - leap);
    await settled(Promise.all([one.session.token(), other.session.token()]));
    await pass(901);
    const tokens = await settled(Promise.all([one.session.token(), other.session.token()]));
    expect(tokens.every((token) => token)).toBe(true);
    expect(server.cases("reuse")).toBe(0);
    expect(other.session.getSnapshot().status).toBe("active");
  });

  it("costs a refresh where it was set forward, as after a sleep, and nothing where it was set back", async () => {
    const { session, server } = await signedIn();
    for (const [leap, refreshes] of [
      [DAY, 1],
      [-2 * DAY, 1],
      [DAY, 2],
    ] as const) {
      vi.setSystemTime(Date.now() + leap);
      expect(await settled(session.token())).not.toBeNull();
      expect(calls(server, "/auth/refresh")).toBe(refreshes);
    }
    expect(session.getSnapshot().status).toBe("active");
  });

  it.each([DAY, -DAY, 0])("waits as long as the server means by a date (off by %i ms)", (wrong) => {
    const server = Date.now() + wrong;
    const [date, later] = [server, server + 30_000].map((ms) => new Date(ms).toUTCString()) as [string, string];
    expect(readRetryAfter(later, date)).toBe(30_000);
  });
});

describe("storage that goes", () => {
  it("costs one call more where it held the only word of the generation", async () => {
    const far = { baseURL: "http://localhost:8000/auth" };
    const { profile, server, session, sid } = await signedIn({ page: "http://app.localhost:3000/" }, far);
    const stale = new Map(profile.storage);
    await settled(session.refresh());
    for (const [name, text] of stale) profile.storage.set(name, text);
    session.close();
    expect(await settled(open(profile.tab(), far).start())).toMatchObject({ status: "active", sessionId: sid });
    expect(server.log.map((entry) => entry.case)).toEqual(["advance", "superseded", "advance"]);
  });

  it("with the key leaves the session unproven here and untouched at the server, until the next sign-in", async () => {
    const { profile, server, session, sid } = await signedIn();
    session.close();
    profile.keys.clear();
    const fresh = open(profile.tab());
    expect(await settled(fresh.start())).toMatchObject({ status: "ended", reason: "unproven" });
    expect([profile.jar.has("gatepass"), server.rows.get(sid)!.revoked]).toEqual([true, null]);
    await settled(fresh.signIn(ANN));
    expect(server.rows.get(sid)!.revoked).toBe("replaced");
    expect(await settled(fresh.refresh())).toMatchObject({ status: "active" });
  });

  it("with all of it, key and notes, is told by the server", async () => {
    const { profile, server, session, sid } = await signedIn();
    session.close();
    profile.keys.clear();
    profile.storage.clear();
    expect(await settled(open(profile.tab()).start())).toMatchObject({ status: "ended", reason: "unproven" });
    expect(server.cases("unproven")).toBe(1);
    expect(server.rows.get(sid)!.revoked).toBeNull();
  });
});

describe("a sign-out without a network", () => {
  it("in one of three tabs reaches the server when the network is back, whichever tab hears of it first", async () => {
    const { server, profile, all, sid } = await tabs(3);
    profile.offline = true;
    await settled(all[0]!.session.signOut());
    await pass(1);
    all[0]!.tab.kill();
    profile.offline = false;
    all[2]!.tab.happen("online");
    await pass(15);
    expect(server.rows.get(sid)!.revoked).toBe("revoked");
    expect(profile.jar.size).toBe(0);
  });

  it("is not undone by a sign-in of the same person before the server has heard", async () => {
    const { server, profile, session, sid } = await signedIn();
    profile.offline = true;
    await settled(session.signOut());
    profile.offline = false;
    await settled(session.signIn(ANN));
    expect(server.rows.get(sid)!.revoked).toBe("replaced");
    expect(session.getSnapshot().status).toBe("active");
  });
});

describe("another person in another tab", () => {
  it("gets none of the requests that were waiting for the first one's token", async () => {
    const { server, profile, all } = await tabs(2, { locks: false });
    const [ann, other] = [all[0]!, all[1]!];
    await pass(901);
    profile.faults = [{ hang: 5_000 }];
    const waiting = Promise.allSettled(Array.from({ length: 20 }, () => ann.session.token()));
    await pass(0.1);
    await settled(other.session.signIn(BOB));
    const outcomes = await settled(waiting);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ status: "rejected", reason: { kind: "session-ended" } });
    expect((await settled(ann.session.start())).account?.email).toBe(BOB.email);
    expect(server.cases("reuse")).toBe(0);
  });
});

describe("a hotel's sign-in page in place of the server", () => {
  it.each([200, 302, 401, 403, 511])("with status %i ends nothing", async (status) => {
    const { server, session, ends } = await signedIn();
    await pass(901);
    server.answers.push(() => ({ ...problem(status, "please-pay"), headers: { "Content-Type": "text/html" } }));
    expect(await settled(session.refresh())).toMatchObject({ status: "degraded" });
    expect(ends).toEqual([]);
    await pass(10);
    expect(await settled(session.refresh())).toMatchObject({ status: "active" });
  });
});
