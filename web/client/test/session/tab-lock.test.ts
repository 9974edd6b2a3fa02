import { describe, expect, it } from "vitest";

import { pause } from "../../src/session/browser.js";
import { createLock } from "../../src/session/tab-lock.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { FakeProfile } from "../fake/profile.js";
import { FakeServer } from "../fake/server.js";

useFakeClock();

describe.each([true, false])("the lock (Web Locks: %s)", (locks) => {
  const lockOf = () => createLock(new FakeProfile(new FakeServer(), { locks }).tab(), "gatepass:test", 12_000);

  it("runs one after the other, in order", async () => {
    const lock = lockOf();
    const log: string[] = [];
    const act = (name: string) => async () => {
      log.push(`${name} begins`);
      await pause(10);
      log.push(`${name} ends`);
      return name;
    };
    expect(await settled(Promise.all([lock(act("a")), lock(act("b"))]))).toEqual(["a", "b"]);
    expect(log).toEqual(["a begins", "a ends", "b begins", "b ends"]);
  });

  it("is free again after an error, which its caller gets", async () => {
    const lock = lockOf();
    const failing = lock(() => Promise.reject(new Error("mine")));
    await expect(settled(failing)).rejects.toThrow("mine");
    expect(await settled(lock(() => Promise.resolve(1)))).toBe(1);
  });
});

describe("a Web Lock that does not come", () => {
  it("is done without after the wait, and acted under only once", async () => {
    const tab = new FakeProfile(new FakeServer()).tab();
    void tab.navigator.locks!.request("gatepass:test", {}, () => new Promise<never>(() => undefined));
    const lock = createLock(tab, "gatepass:test", 12_000);
    let count = 0;
    const done = lock(async () => ++count);
    await pass(11.9);
    expect(count).toBe(0);
    expect(await settled(done)).toBe(1);
    await pass(60);
    expect(count).toBe(1);
  });

  it("is waited for once, and taken again when it is free", async () => {
    const profile = new FakeProfile(new FakeServer());
    const tab = profile.tab();
    let free!: () => void;
    void tab.navigator.locks!.request("gatepass:test", {}, () => new Promise<void>((resolve) => (free = resolve)));
    const lock = createLock(tab, "gatepass:test", 12_000);
    await settled(lock(() => Promise.resolve(1)));
    // Its holder is frozen, perhaps for hours.
    let isDone = false;
    void lock(async () => {
      isDone = true;
    });
    await pass(0.1);
    expect(isDone).toBe(true);

    free();
    const acts: string[] = [];
    const act = (name: string) => async () => {
      acts.push(`${name} begins`);
      await pause(1_000);
      acts.push(`${name} ends`);
    };
    await pass(0.1);
    const other = createLock(profile.tab(), "gatepass:test", 12_000);
    await settled(Promise.all([lock(act("a")), other(act("b"))]));
    await settled(Promise.all([other(act("c")), lock(act("d"))]));
    expect(acts.map((each) => each[0]).join("")).toBe("aabbccdd");
  });

  it("is done without where locks are forbidden", async () => {
    const denied = { request: () => Promise.reject(new DOMException("denied", "SecurityError")) };
    const lock = createLock({ fetch, performance, navigator: { locks: denied as never } }, "gatepass:test", 12_000);
    expect(await lock(() => Promise.resolve(1))).toBe(1);
  });
});
