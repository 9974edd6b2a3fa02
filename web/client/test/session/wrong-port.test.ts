/** A page that looks for another state cookie than the server sets, as behind a development proxy that hides the port. */

import { afterEach, expect, it, vi } from "vitest";

import { pass, settled, useFakeClock } from "../fake/clock.js";
import { FakeProfile } from "../fake/profile.js";
import { FakeServer } from "../fake/server.js";
import { ANN, calls, open } from "../fake/world.js";

useFakeClock();
afterEach(() => vi.restoreAllMocks());

async function world() {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  const server = new FakeServer("gatepass_state_9000");
  const session = open(new FakeProfile(server).tab());
  await settled(session.signIn(ANN));
  server.requests.length = 0;
  return { server, session };
}

it("asks once per refresh, since no retry shows it the cookie, and keeps the session", async () => {
  const { server, session } = await world();
  expect(await settled(session.refresh())).toMatchObject({ status: "active", generation: 0 });
  expect(calls(server, "/auth/refresh")).toBe(1);
  await pass(10);
  await settled(session.refresh());
  expect(calls(server, "/auth/refresh")).toBe(2);
});

it("goes on with the token that it has, and says of a call after it that there is no newer one", async () => {
  const { server, session } = await world();
  await pass(880);
  expect(await settled(session.token())).not.toBeNull();
  await pass(30);
  await expect(settled(session.token())).rejects.toMatchObject({ kind: "refresh-unavailable" });
  expect(calls(server, "/auth/refresh")).toBeLessThanOrEqual(2);
});
