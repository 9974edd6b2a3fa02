import { createTRPCClient, createWSClient, wsLink } from "@trpc/client";
import { describe, expect, it } from "vitest";

import { createWebSocket } from "../../src/live.js";
import type { AppRouter } from "../any-client/router.js";
import { settled } from "../fake/clock.js";
import { FakeSocket, LIFE, page, pass, usePage } from "../fake/live-server.js";
import { BOB, calls, signedIn } from "../fake/world.js";

usePage();

type Told = (string | number | [number, string])[];

async function world() {
  const made = await signedIn();
  const WebSocket = createWebSocket({ session: made.session });
  /** A socket as a library makes it, and what it is told. */
  const open = (protocols: string | string[] = [], url = "/ws") => {
    const socket = new WebSocket(url, protocols);
    const told: Told = [];
    for (const type of ["open", "error"] as const) socket.addEventListener(type, () => told.push(type));
    socket.onmessage = ({ data }) => told.push(data);
    socket.onclose = ({ code, reason }) => told.push([code, reason]);
    return { socket, told };
  };
  const refreshes = () => calls(made.server, "/auth/refresh");
  return { ...made, WebSocket, open, refreshes };
}

describe("a WebSocket class for libraries", () => {
  it("is open once the guard has let it in, and the library sees nothing of that", async () => {
    const { open } = await world();
    const { socket, told } = open();
    expect([socket.readyState, socket.url]).toEqual([socket.CONNECTING, "ws://localhost:8000/ws"]);
    expect(() => socket.send("too early")).toThrow(DOMException);
    await pass(50);
    FakeSocket.last.say("hello");
    socket.send("hi");
    expect([told, socket.readyState]).toEqual([["open", "hello"], 1]);
    expect([FakeSocket.last.heard, FakeSocket.last.shown.length]).toEqual([["hi"], 1]);
  });

  it("offers the token beside the library's sub-protocols", async () => {
    const { open } = await world();
    open("graphql-transport-ws");
    await pass(50);
    expect(FakeSocket.last.protocols).toEqual(["gatepass", expect.stringContaining("."), "graphql-transport-ws"]);
  });

  it("has the constants and the handlers by which libraries know one", async () => {
    const { WebSocket, open } = await world();
    expect([WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED]).toEqual([0, 1, 2, 3]);
    const { socket, told } = open();
    socket.onmessage = null;
    expect([socket.onmessage, socket.onopen, typeof socket.onclose]).toEqual([null, null, "function"]);
    await pass(50);
    FakeSocket.last.say("unheard");
    expect(told).toEqual(["open"]);
  });

  it("throws for an address of another origin", async () => {
    const { WebSocket } = await world();
    expect(() => new WebSocket("wss://evil.example/ws")).toThrow(TypeError);
    expect(FakeSocket.all).toEqual([]);
  });

  it("renews its token in band", async () => {
    const { open, session } = await world();
    const { told } = open();
    await pass(50);
    await settled(session.refresh());
    await pass(50);
    expect([FakeSocket.all.length, FakeSocket.last.shown.length, told]).toEqual([1, 2, ["open"]]);
  });

  it("closes with the library's code, or before it was open with 1006", async () => {
    const { open } = await world();
    const [late, early] = [open(), open()];
    early.socket.close();
    await pass(50);
    late.socket.close(4000, "done");
    await pass(50);
    expect([late.told, early.told]).toEqual([
      ["open", [4000, "done"]],
      ["error", [1006, ""]],
    ]);
    expect([late.socket.readyState, FakeSocket.all.length]).toEqual([3, 1]);
  });

  it("tells a lost connection as browsers do", async () => {
    const { open } = await world();
    const { told } = open();
    await pass(50);
    FakeSocket.last.drop(1006);
    await pass(5);
    expect(told).toEqual(["open", "error", [1006, ""]]);
  });

  it("says 'try again later' where the token ran out, and shows a newer one then", async () => {
    const { open, refreshes } = await world();
    const { told } = open();
    await pass(50);
    FakeSocket.last.drop(4401, "invalid-token");
    await pass(5);
    expect(told.at(-1)).toEqual([1013, "invalid-token"]);
    page.use();
    const again = open();
    await pass(50);
    expect([again.told, refreshes(), FakeSocket.all.length]).toEqual([["open"], 1, 2]);
  });

  it("does not keep the session of an abandoned page alive, however often a library opens one and sends", async () => {
    const { open, refreshes } = await world();
    const first = open();
    await pass(50);
    for (let ms = 0; ms < LIFE; ms += 30_000) {
      first.socket.send("heartbeat");
      await pass(30_000);
    }
    FakeSocket.last.drop(4401);
    await pass(5);
    const second = open();
    await pass(3_600_000);
    expect([refreshes(), FakeSocket.all.length, second.told]).toEqual([0, 1, []]);
    page.use();
    await pass(100);
    expect([refreshes(), second.told]).toEqual([1, ["open"]]);
  });

  it("closes each with 4403 after the end of the session, without a connection or a request", async () => {
    const { open, server, sid, session, refreshes } = await world();
    const { told } = open();
    await pass(50);
    server.revoke(sid, "revoked");
    FakeSocket.last.drop(4403, "session-ended");
    await pass(100);
    expect([told.at(-1), session.getSnapshot().reason]).toEqual([[4403, "session-ended"], "revoked"]);
    const asked = refreshes();
    for (let count = 0; count < 5; count++) expect((await closed(open())).at(-1)).toEqual([4403, "session-ended"]);
    expect([FakeSocket.all.length, refreshes()]).toEqual([1, asked]);
  });

  it("closes with 4403 at a sign-out here, and opens one for the next person", async () => {
    const { open, session } = await world();
    const { told } = open();
    await pass(50);
    await settled(session.signOut());
    await pass(5);
    expect(told.at(-1)).toEqual([4403, "session-ended"]);
    await settled(session.signIn(BOB));
    const next = open();
    await pass(50);
    expect([next.told, FakeSocket.all.length]).toEqual([["open"], 2]);
  });

  it("works in a client of tRPC", async () => {
    const { WebSocket } = await world();
    const client = createWSClient({ url: "/trpc", WebSocket });
    const trpc = createTRPCClient<AppRouter>({ links: [wsLink({ client })] });
    const answer = trpc.count.query();
    await pass(100);
    const [asked] = FakeSocket.last.heard.flatMap((text) => JSON.parse(text as string));
    FakeSocket.last.say(JSON.stringify({ id: asked.id, result: { type: "data", data: 7 } }));
    await expect(answer).resolves.toBe(7);
    void client.close();
    await pass(50);
  });
});

async function closed({ told }: { told: Told }): Promise<Told> {
  await pass(20);
  return told;
}
