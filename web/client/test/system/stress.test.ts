/**
 * Everything at once, in an order that a seed decides: tabs that refresh, reload, lose requests and answers, sleep.
 *
 * The server ends a session whenever a client gives it reason, so surviving is the proof.
 */

import { describe, expect, it, vi } from "vitest";

import { pass, settled, useFakeClock } from "../fake/clock.js";
import type { Fault, ProfileOptions } from "../fake/profile.js";
import { QUICK } from "../fake/quick.js";
import { BOB, open, signedIn } from "../fake/world.js";

useFakeClock();

const FAULTS: (Fault | undefined)[] = [
  undefined,
  undefined,
  "lose-request",
  "lose-answer",
  "lose-answer",
  503,
  500,
  { hang: 12_000 },
  { lag: 3_000 },
  { lag: 12_000 },
];

/** mulberry32: small, and the same everywhere. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

async function ordeal(seed: number, given: ProfileOptions): Promise<void> {
  const random = dice(seed);
  vi.spyOn(Math, "random").mockImplementation(random);
  const world = await signedIn({ ...given, random });
  const { server, profile, ends } = world;
  const sessions = [world.session];
  const tabs = [world.tab];
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  const serials = new WeakMap<object, number>();
  const ask = async (session: (typeof sessions)[0], stale?: number) => {
    const token = await session.token(stale).catch(() => null);
    if (token) serials.set(session, token.serial);
  };
  const acts = [
    () => void ask(pick(sessions)),
    () => void sessions.map((session) => ask(session)),
    () => {
      const session = pick(sessions);
      void ask(session, serials.get(session));
    },
    () => void pick(sessions).refresh(),
    () => profile.faults.push(pick(FAULTS), pick(FAULTS)),
    () => {
      profile.offline = random() < 0.5;
    },
    () => pick(tabs).happen("online"),
    () => {
      if (sessions.length === 5) return;
      tabs.push(profile.tab());
      sessions.push(open(tabs.at(-1)!, { onEnded: (end) => ends.push(end) }));
      void sessions.at(-1)!.start();
    },
    () => {
      // A reload or a crash, at any instant: what was under way goes on without a reader of its answer.
      const index = Math.floor(random() * sessions.length);
      sessions[index]!.close();
      tabs[index]!.kill();
      tabs[index] = profile.tab();
      sessions[index] = open(tabs[index]!, { onEnded: (end) => ends.push(end) });
      void sessions[index]!.start();
    },
    () => server.refuseTokens(),
  ];
  for (let step = 0; step < 120; step++) {
    pick(acts)();
    await pass(pick([0, 0.001, 0.003, 0.01, 0.1, 1, 8, 300, 1_000]));
  }
  profile.offline = false;
  profile.faults = [];
  await pass(60);
  const snapshots = await settled(Promise.all(sessions.map((session) => session.refresh())));
  expect(ends).toEqual([]);
  expect(server.cases("reuse")).toBe(0);
  expect(snapshots.map(({ status }) => status)).toEqual(snapshots.map(() => "active"));
}

const SEEDS = Array.from({ length: QUICK ? 3 : 40 }, (_, index) => index + 1);

describe("no false logout, whatever the order", () => {
  it.each(SEEDS)("with locks and channel, seed %i", (seed) => ordeal(seed, {}));
  it.each(SEEDS)("without Web Locks, seed %i", (seed) => ordeal(1_000 + seed, { locks: false }));
  it.each(SEEDS)("without either, seed %i", (seed) => ordeal(2_000 + seed, { locks: false, channel: false }));
});

describe("never two users mixed", () => {
  it.each(SEEDS)("when tabs sign in and out, seed %i", async (seed) => {
    const random = dice(seed);
    vi.spyOn(Math, "random").mockImplementation(random);
    const { server, profile, session } = await signedIn({ random, channel: seed % 2 === 0 });
    const sessions = [session, open(profile.tab()), open(profile.tab())];
    const wrong: string[] = [];
    const call = async (one: typeof session) => {
      const { sessionId } = one.getSnapshot();
      const token = await one.token().catch(() => null);
      if (!token || !sessionId) return;
      const answer = server.receive({
        method: "GET",
        path: "/api",
        headers: new Headers({ Authorization: `Bearer ${token.value}` }),
        body: null,
        cookies: new Map(),
      });
      const expected = server.rows.get(sessionId)!.email;
      const { email } = (answer.body ?? {}) as { email?: string };
      if (email && email !== expected) wrong.push(`${email} for ${expected}`);
    };
    for (let step = 0; step < 80; step++) {
      const one = sessions[Math.floor(random() * 3)]!;
      const act = Math.floor(random() * 8);
      if (act === 0) void one.signIn(BOB).catch(() => null);
      else if (act === 1) void one.signIn({ ...BOB, email: "eve@example.com" }).catch(() => null);
      else if (act === 2) void one.signOut();
      else if (act === 3) profile.faults.push("lose-answer");
      else void call(one);
      await pass([0, 0.002, 0.02, 1, 700][Math.floor(random() * 5)]!);
    }
    expect(wrong).toEqual([]);
    expect(server.cases("reuse")).toBe(0);
  });
});
