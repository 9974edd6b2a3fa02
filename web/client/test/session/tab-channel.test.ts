import { describe, expect, it, vi } from "vitest";

import type { Grant } from "../../src/session/endpoints.js";
import { openChannel } from "../../src/session/tab-channel.js";
import { pass, useFakeClock } from "../fake/clock.js";
import { FakeProfile } from "../fake/profile.js";
import { FakeServer } from "../fake/server.js";

useFakeClock();

const now = () => performance.now();
const GRANT = {
  sid: "a",
  generation: 3,
  challenge: "q83vEjRWeJo",
  token: `x.${btoa(JSON.stringify({ sid: "a" }))}.x`,
  lifetime: 900_000,
  account: null,
};

function two() {
  const profile = new FakeProfile(new FakeServer());
  const heard: Grant[] = [];
  const ended: unknown[] = [];
  const mute = { onGrant: () => undefined, onEnd: () => undefined };
  const sender = openChannel(profile.tab(), "c", now, mute);
  const receiver = openChannel(profile.tab(), "c", now, {
    onGrant: (grant) => heard.push(grant),
    onEnd: (...end) => ended.push(end),
  });
  return { profile, sender, receiver, heard, ended };
}

describe("the tabs' channel", () => {
  it("hands a token on with what is left of it", async () => {
    const { sender, heard } = two();
    sender.share({ ...GRANT, expiresAt: performance.now() + 500_000 });
    await pass(0.1);
    expect(heard).toMatchObject([GRANT]);
    expect(heard[0]!.expiresAt - performance.now()).toBeLessThanOrEqual(500_000 - 100);
  });

  it("takes off the time that a message was under way", async () => {
    const { profile, sender, heard } = two();
    vi.spyOn(profile, "broadcast").mockImplementation((name, from, data) => {
      vi.restoreAllMocks();
      setTimeout(() => profile.broadcast(name, from, data), 400_000);
    });
    sender.share({ ...GRANT, expiresAt: performance.now() + 500_000 });
    await pass(400.1);
    expect(heard[0]!.expiresAt - performance.now()).toBeLessThanOrEqual(100_000);
  });

  it("tells of an end", async () => {
    const { sender, ended } = two();
    sender.end("a", "revoked");
    await pass(0.1);
    expect(ended).toEqual([["a", "revoked"]]);
  });

  it("is silent after it was closed, and where there is none", async () => {
    const { sender, receiver, ended } = two();
    receiver.close();
    sender.end("a", "revoked");
    await pass(0.1);
    expect(ended).toEqual([]);
    const none = openChannel({ fetch, performance }, "c", now, { onGrant: () => undefined, onEnd: () => undefined });
    expect(none.isOpen).toBe(false);
    none.end("a", "revoked");
  });
});
