/** The crowd at the gate: a thousand requests in six tabs, of both clients, whose token is of no use any more. */

import { describe, expect, it } from "vitest";

import type { Layer } from "../../src/request/layer.js";
import { overAxios, overFetch } from "../fake/clients.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import type { ProfileOptions } from "../fake/profile.js";
import { QUICK } from "../fake/quick.js";
import { calls, open, signedIn } from "../fake/world.js";

useFakeClock();

const REQUESTS = 1_000;
const TABS = 6;

/** Six tabs, in each a client of each kind. */
async function crowd(given: ProfileOptions = {}, layers: readonly Layer[] = []) {
  const { profile, server, session, ends } = await signedIn(given);
  const sessions = [session];
  while (sessions.length < TABS) {
    sessions.push(open(profile.tab()));
    await settled(sessions.at(-1)!.start());
  }
  const clients = sessions.flatMap((one) => [overFetch(one, profile, layers), overAxios(one, profile, layers)]);
  const ask = (number: number) => clients[number % clients.length]!.send("POST", `/notes/${number}`, {}, { number });
  const all = () => settled(Promise.all(Array.from({ length: REQUESTS }, (_, number) => ask(number))));
  server.requests.length = 0;
  server.log.length = 0;
  return { profile, server, sessions, ends, all };
}

function expectAll(answers: readonly { status: number; data: unknown }[]): void {
  expect(answers.map(({ data }) => (data as { echo: { number: number } }).echo.number)).toEqual(
    Array.from({ length: REQUESTS }, (_, number) => number),
  );
}

describe.skipIf(QUICK)("a thousand requests in six tabs", () => {
  it("whose token has run out need one refresh, and none is lost or sent twice", async () => {
    const { server, all } = await crowd();
    await pass(901);
    expectAll(await all());
    expect(calls(server, "/auth/refresh")).toBe(1);
    expect(server.requests).toHaveLength(REQUESTS + 1);
  });

  it("whose token is refused need one refresh, and each is sent twice, once in vain", async () => {
    const { server, all } = await crowd();
    await pass(6);
    server.refuseTokens();
    expectAll(await all());
    expect(calls(server, "/auth/refresh")).toBe(1);
    expect(server.requests.filter(({ path }) => path.startsWith("/api/notes/"))).toHaveLength(2 * REQUESTS);
  });

  it("need one refresh also without Web Locks where one tab is first", async () => {
    const { server, sessions, all } = await crowd({ locks: false });
    await pass(901);
    await settled(sessions[3]!.refresh());
    await pass(1);
    expectAll(await all());
    expect(calls(server, "/auth/refresh")).toBe(1);
  });

  it("none is lost when the answer to the refresh is: a layer that sends again is enough", async () => {
    const again: Layer = (call, next) => next(call).catch(() => next({ ...call, attempt: 2 }));
    const { server, profile, ends, all } = await crowd({}, [again]);
    await pass(901);
    profile.faults = ["lose-answer"];
    expectAll(await all());
    expect([server.cases("reuse"), server.cases("ended"), ends.length]).toEqual([0, 0, 0]);
  });
});
