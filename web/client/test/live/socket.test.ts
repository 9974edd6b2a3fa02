import { describe, expect, it } from "vitest";

import { type LiveSocket, openSocket, type SocketSetup } from "../../src/live.js";
import { settled } from "../fake/clock.js";
import { FakeSocket, LIFE, page, pass, usePage } from "../fake/live-server.js";
import { calls, signedIn } from "../fake/world.js";

usePage();

async function world(setup: Partial<SocketSetup> = {}) {
  const made = await signedIn();
  const heard: unknown[] = [];
  const said: string[] = [];
  const socket: LiveSocket = openSocket({
    session: made.session,
    url: "/chat",
    onMessage: (data) => heard.push(data),
    onStatus: (status, lost) => said.push(lost ? `${status} ${lost.code}` : status),
    ...setup,
  });
  await pass(50);
  const refreshes = () => calls(made.server, "/auth/refresh");
  return { ...made, socket, heard, said, refreshes };
}

describe("a socket", () => {
  it("shows its token in the first message, and the application sees nothing of that", async () => {
    const { socket, heard, said } = await world();
    expect(FakeSocket.last).toMatchObject({ url: "ws://localhost:8000/chat", protocols: [] });
    expect(FakeSocket.last.shown).toHaveLength(1);
    FakeSocket.last.say("hello");
    FakeSocket.last.say('{"type":"gatepass"}');
    expect(socket.send("hi")).toBe(true);
    expect([heard, FakeSocket.last.heard, said]).toEqual([["hello", '{"type":"gatepass"}'], ["hi"], ["open"]]);
  });

  it("offers it beside the application's sub-protocols, where it has some", async () => {
    const { said } = await world({ protocols: ["chat.v1"] });
    expect(FakeSocket.last.protocols).toEqual(["gatepass", expect.stringContaining("."), "chat.v1"]);
    expect([said, FakeSocket.last.shown.length]).toEqual([["open"], 1]);
  });

  it.each(["https://evil.example/chat", "//evil.example/chat", "wss://localhost:8001/chat"])(
    "is not opened at %s, which is not the session's origin",
    async (url) => {
      const { session } = await signedIn();
      expect(() => openSocket({ session, url, onMessage: () => {} })).toThrow(TypeError);
      expect(FakeSocket.all).toEqual([]);
    },
  );

  it("is closed at once for a visitor without a session", async () => {
    const { session } = await signedIn();
    await settled(session.signOut());
    const socket = openSocket({ session, url: "/chat", onMessage: () => {} });
    await pass(50);
    expect([socket.status, FakeSocket.all]).toEqual(["closed", []]);
  });
});

describe("a lost connection", () => {
  it("is opened again, with growing and random waits", async () => {
    const { said } = await world();
    FakeSocket.isReachable = false;
    FakeSocket.last.drop(1006);
    const at: number[] = [];
    for (let ms = 0; ms < 25_000; ms += 50) {
      const before = FakeSocket.all.length;
      await pass(50);
      if (FakeSocket.all.length > before) at.push(ms);
    }
    const gaps = at.map((ms, index) => ms - (at[index - 1] ?? 0));
    expect(gaps.length).toBeGreaterThan(4);
    gaps.forEach((gap, index) => {
      expect(gap).toBeGreaterThanOrEqual(250 * 2 ** index - 60);
      expect(gap).toBeLessThanOrEqual(500 * 2 ** index + 60);
    });
    expect(said).toEqual(["open", "connecting 1006"]);
  });

  it("is told also where none has ever been open, once: a wrong path, an origin that is not allowed", async () => {
    FakeSocket.isReachable = false;
    const { said, socket } = await world();
    await pass(20_000);
    expect([said, socket.status]).toEqual([["connecting 1006"], "connecting"]);
    FakeSocket.isReachable = true;
    await pass(30_000);
    expect(said).toEqual(["connecting 1006", "open"]);
  });

  it("is opened again at once when the network is back, and not before", async () => {
    const { said } = await world();
    page.setOnline(false);
    FakeSocket.last.drop(1006);
    await pass(20_000);
    expect(FakeSocket.all).toHaveLength(1);
    page.setOnline(true);
    await pass(50);
    expect(FakeSocket.all).toHaveLength(2);
    expect(said).toEqual(["open", "connecting 1006", "open"]);
  });

  it("that the network does not tell of is noticed when the page comes into view", async () => {
    const { said } = await world();
    FakeSocket.isSilent = true;
    await pass(31_000);
    page.show("visible");
    await pass(11_000);
    FakeSocket.isSilent = false;
    await pass(2_000);
    expect(FakeSocket.all).toHaveLength(2);
    expect(said[1]).toBe("connecting 1006");
  });

  it.each([1000, 1008, 1009, 4403])("with the code %i stays closed", async (code) => {
    const { said, refreshes } = await world();
    FakeSocket.last.drop(code, "why");
    await pass(120_000);
    page.use();
    page.setOnline(true);
    await pass(60_000);
    expect(FakeSocket.all).toHaveLength(1);
    expect(said).toEqual(["open", `closed ${code}`]);
    expect(refreshes()).toBe(code === 4403 ? 1 : 0);
  });

  it("with 4403 makes the page ask whether its session has ended, and why", async () => {
    const { server, sid, session, ends } = await world();
    server.revoke(sid, "revoked");
    FakeSocket.last.drop(4403);
    await pass(100);
    expect(session.getSnapshot().status).toBe("ended");
    expect(ends).toMatchObject([{ reason: "revoked" }]);
  });

  it("stays closed if `close()` comes while it waits", async () => {
    const { socket, said } = await world();
    FakeSocket.last.drop(1006);
    await pass(10);
    socket.close();
    page.setOnline(true);
    await pass(60_000);
    expect([FakeSocket.all.length, said.at(-1)]).toEqual([1, "closed 1000"]);
    expect(socket.send("late")).toBe(false);
  });

  it("whose token is refused each time does not ask for tokens without end", async () => {
    FakeSocket.judge = () => 4401;
    const { refreshes } = await world();
    await pass(600_000);
    expect(refreshes()).toBeLessThanOrEqual(1);
    expect(FakeSocket.all.length).toBeLessThanOrEqual(3);
  });
});

describe("the token of a socket", () => {
  it("is renewed in band when a request has made a newer one, in this tab or another", async () => {
    const { session, profile, refreshes } = await world();
    await settled(session.refresh());
    await pass(50);
    expect(FakeSocket.last.shown).toHaveLength(2);
    const { createSession } = await import("../../src/session/session.js");
    const sibling = createSession({ baseURL: "/auth" }, profile.tab());
    await settled(sibling.start());
    await settled(sibling.refresh());
    await pass(50);
    expect(new Set(FakeSocket.last.shown).size).toBeGreaterThanOrEqual(3);
    expect(FakeSocket.all).toHaveLength(1);
    expect(refreshes()).toBeGreaterThanOrEqual(2);
  });

  it("is not renewed on a page that nobody uses: the socket pauses, and the session is left to end", async () => {
    const { said, refreshes, server } = await world();
    await pass(LIFE + 1_000);
    FakeSocket.last.answer(0);
    await pass(10_000);
    FakeSocket.last.drop(4401);
    await pass(3_600_000);
    expect(refreshes()).toBe(0);
    expect(server.cases("reuse")).toBe(0);
    expect(said).toEqual(["open", "connecting 4401", "paused 4401"]);
  });

  it("makes no token when it is closed while it waits for a sign of use", async () => {
    const { socket, said, refreshes } = await world();
    await pass(LIFE + 1_000);
    FakeSocket.last.drop(4401);
    await pass(10_000);
    socket.close();
    await pass(10_000);
    expect([said.at(-1), refreshes()]).toEqual(["closed 1000", 0]);
  });

  it("is renewed when somebody uses the page again, within the grace and after it", async () => {
    const { said, refreshes } = await world();
    await pass(LIFE + 1_000);
    FakeSocket.last.answer(0);
    await pass(1_000);
    expect(refreshes()).toBe(0);
    page.use();
    await pass(100);
    expect([refreshes(), FakeSocket.all.length, FakeSocket.last.shown.length]).toEqual([1, 1, 2]);
    await pass(LIFE + 1_000);
    FakeSocket.last.answer(0);
    FakeSocket.last.drop(4401);
    await pass(10_000);
    expect(said.at(-1)).toBe("paused 4401");
    page.show("visible");
    await pass(100);
    expect([refreshes(), said.at(-1)]).toEqual([2, "open"]);
  });

  it("is renewed at once when asked for, if the page was used since the last one", async () => {
    const { refreshes } = await world();
    await pass(LIFE / 2);
    page.use();
    await pass(LIFE / 2 + 1_000);
    FakeSocket.last.answer(0);
    await pass(100);
    expect([refreshes(), new Set(FakeSocket.last.shown).size]).toEqual([1, 2]);
  });

  it("is renewed for what the application sends, as for a request", async () => {
    const { socket, refreshes } = await world();
    await pass(LIFE - 5_000);
    socket.send("hi");
    await pass(100);
    expect([refreshes(), new Set(FakeSocket.last.shown).size]).toEqual([1, 2]);
  });

  it("is renewed for claims that have changed, on a page that nobody uses too", async () => {
    const { refreshes, said } = await world();
    await pass(LIFE / 2);
    FakeSocket.last.answer(0);
    await pass(100);
    expect([refreshes(), new Set(FakeSocket.last.shown).size, said]).toEqual([1, 2, ["open"]]);
  });

  it("is renewed on a screen that is only looked at, if the page says so, and not out of view", async () => {
    const { refreshes } = await world({ renew: "visible" });
    await pass(LIFE + 1_000);
    FakeSocket.last.answer(0);
    await pass(100);
    expect(refreshes()).toBe(1);
    page.show("hidden");
    await pass(LIFE + 1_000);
    FakeSocket.last.answer(0);
    await pass(100);
    expect(refreshes()).toBe(1);
  });

  it("is not fetched again and again where the guard calls each one too old", async () => {
    const { refreshes } = await world();
    FakeSocket.judge = () => 0;
    for (let count = 0; count < 50; count++) {
      page.use();
      FakeSocket.last.answer(0);
      await pass(200);
    }
    expect(refreshes()).toBeLessThanOrEqual(2);
  });
});

it("closes with the session, here or in another tab, and takes no token of the next person", async () => {
  const { session, said, profile } = await world();
  const { createSession } = await import("../../src/session/session.js");
  const sibling = createSession({ baseURL: "/auth" }, profile.tab());
  await settled(sibling.start());
  await settled(sibling.signOut());
  await pass(100);
  expect([FakeSocket.last.readyState, said]).toEqual([3, ["open", "closed 1000"]]);
  await settled(session.signIn({ email: "bob@example.com", password: "right" }));
  await pass(60_000);
  expect(FakeSocket.all).toHaveLength(1);
});
