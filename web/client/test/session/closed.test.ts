/** A session whose channel to other tabs is closed, or was never to be had. */

import { describe, expect, it } from "vitest";

import { createSession } from "../../src/session/session.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { FakeProfile } from "../fake/profile.js";
import { FakeServer } from "../fake/server.js";
import { ANN, calls, signedIn } from "../fake/world.js";

useFakeClock();

describe("a session that was closed", () => {
  it("goes on: its refresh, its sign-out and its sign-in need no other tab", async () => {
    const { session, server } = await signedIn();
    session.close();
    expect(await settled(session.refresh())).toMatchObject({ status: "active", generation: 1 });
    await settled(session.signOut());
    expect(session.getSnapshot()).toMatchObject({ status: "ended", reason: "signed-out" });
    expect(calls(server, "/auth/logout")).toBe(1);
    await settled(session.signIn(ANN));
    expect(session.getSnapshot().status).toBe("active");
  });

  it("finishes a refresh that was under way, and keeps what it has brought", async () => {
    const { session } = await signedIn();
    const refreshed = session.refresh();
    await pass(0.001);
    session.close();
    session.close();
    expect(await settled(refreshed)).toMatchObject({ status: "active", generation: 1 });
  });
});

it("is made where the browser refuses the channel, as Firefox does with the storage of a site that is blocked", async () => {
  const tab = new FakeProfile(new FakeServer(), { storage: false, keys: false, locks: false }).tab();
  const refusing = class {
    constructor() {
      throw new DOMException("The operation is insecure.", "SecurityError");
    }
  };
  const scope = new Proxy(tab, {
    get: (target, name) => {
      if (name === "BroadcastChannel") return refusing;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const session = createSession({ baseURL: "/auth" }, scope as never);
  await settled(session.signIn(ANN));
  expect(await settled(session.refresh())).toMatchObject({ status: "active", generation: 1 });
});
