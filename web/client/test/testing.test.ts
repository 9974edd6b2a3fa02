// @vitest-environment happy-dom

import { describe, expect, it, vi } from "vitest";

import { GatepassError } from "../src/errors.js";
import { createClient } from "../src/fetch.js";
import { createSession } from "../src/index.js";
import { fakeSession, fakeTabs, faultServer, problem } from "../src/testing.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";

useFakeClock();

const ANN = { email: "ann@example.com", password: "right" };

describe("fakeSession", () => {
  it("is whoever a test wants, and tells its listeners", async () => {
    const session = fakeSession({ status: "anonymous" });
    const heard = vi.fn();
    session.subscribe(heard);
    expect(session.getSnapshot()).toMatchObject({ status: "anonymous", account: null, sessionId: null });
    await session.signIn({ email: "bob@example.com", password: "" });
    expect(session.getSnapshot()).toMatchObject({ status: "active", account: { email: "bob@example.com" } });
    session.degrade();
    expect(session.getSnapshot()).toMatchObject({ status: "degraded", account: { email: "bob@example.com" } });
    session.end("reused");
    expect(session.getSnapshot()).toMatchObject({ status: "ended", reason: "reused", account: null });
    await pass(0);
    expect(heard).toHaveBeenCalledTimes(3);
  });

  it("refuses a sign-in as often as it was told", async () => {
    const session = fakeSession({ status: "anonymous" });
    session.refuse(new GatepassError("network"));
    await expect(session.signIn(ANN)).rejects.toMatchObject({ kind: "network" });
    expect(await session.signIn(ANN)).toMatchObject({ email: "ann@example.com" });
  });

  it("carries a client's requests, with another token after a 401", async () => {
    const tokens: (string | null)[] = [];
    const client = createClient({
      baseURL: "http://localhost:8000/api",
      session: fakeSession(),
      async fetch(_input, init) {
        tokens.push(new Headers(init?.headers).get("Authorization"));
        return tokens.length === 1
          ? new Response(null, { status: 401, headers: { "WWW-Authenticate": 'Bearer error="invalid_token"' } })
          : Response.json({ fine: true });
      },
    });
    expect((await client.get("/x")).data).toEqual({ fine: true });
    expect(tokens).toEqual(["Bearer token-1", "Bearer token-2"]);
  });
});

describe("faultServer", () => {
  it("serves a page that makes its own session, through a reload and a lost answer", async () => {
    const stateCookie = "gatepass_state_3000";
    const { server, network, fetch } = faultServer({ stateCookie });
    const page = () => createSession({ baseURL: "http://localhost:3000/auth", fetch, stateCookie });
    const first = page();
    await settled(first.signIn(ANN));
    first.close();
    const reloaded = page();
    network.faults = ["lose-answer"];
    await settled(reloaded.start());
    await settled(reloaded.refresh());
    await pass(30);
    expect(reloaded.getSnapshot()).toMatchObject({ status: "active", account: { email: "ann@example.com" } });
    expect(server.cases("reuse")).toBe(0);
    reloaded.close();
  });

  it("answers what a test puts before the real answers", async () => {
    const { server, fetch } = faultServer();
    server.answers = [() => problem(429, "slow-down", {}, { "Retry-After": "3" })];
    const client = createClient({ baseURL: "http://localhost:8000/api", session: fakeSession(), fetch });
    await expect(settled(client.get("/notes"))).rejects.toMatchObject({ status: 429, retryAfterMs: 3000 });
  });

  it("takes Request objects too", async () => {
    const { server, fetch } = faultServer();
    await settled(fetch(new Request("http://localhost:8000/api/x", { method: "POST", body: '{"a":1}' })));
    expect(server.requests.at(-1)).toMatchObject({ method: "POST", path: "/api/x", body: { a: 1 } });
  });
});

describe("fakeTabs", () => {
  it("share one cookie jar, and one refresh", async () => {
    const { server, tabs } = fakeTabs(3);
    await settled(tabs[0]!.session.signIn(ANN));
    await settled(Promise.all(tabs.map(({ session }) => session.start())));
    server.refuseTokens();
    await pass(10);
    const before = server.cases("advance");
    await settled(Promise.all(tabs.map(({ session }) => session.refresh())));
    expect(tabs.map(({ session }) => session.getSnapshot().status)).toEqual(["active", "active", "active"]);
    expect(server.cases("advance") - before).toBe(1);
    expect(server.cases("reuse")).toBe(0);
  });

  it("hear of each other's sign-out, also those opened later", async () => {
    const { tabs, open } = fakeTabs(2, { locks: false });
    await settled(tabs[0]!.session.signIn(ANN));
    await settled(tabs[1]!.session.start());
    await settled(tabs[0]!.session.signOut());
    await pass(1);
    expect(tabs[1]!.session.getSnapshot().status).toBe("ended");
    expect((await settled(open().session.start())).status).toBe("anonymous");
  });
});
