/** How a session begins, brings a token when a request needs one, and tells what becomes of it. */

import { describe, expect, it, vi } from "vitest";
import { GatepassError } from "../../src/errors.js";
import type { SessionEvent } from "../../src/session/types.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { problem } from "../fake/server.js";
import { ANN, BOB, calls, open, signedIn } from "../fake/world.js";

useFakeClock();

/** Lets the wall clock go on, and nothing else: what a page sees of a computer that slept. */
const sleep = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1_000);

describe("signing in", () => {
  it("holds the account, the session's id and its generation", async () => {
    const { session, sid } = await signedIn();
    expect(session.getSnapshot()).toMatchObject({ status: "active", generation: 0, sessionId: sid, lifetime: 900_000 });
    expect(session.getSnapshot().account?.email).toBe(ANN.email);
  });

  it("rejects with the server's problem and changes nothing", async () => {
    const { session, sid } = await signedIn();
    const wrong = settled(session.signIn({ ...ANN, password: "wrong" }));
    await expect(wrong).rejects.toMatchObject({ kind: "http", status: 401, problem: { code: "invalid-credentials" } });
    expect(session.getSnapshot()).toMatchObject({ status: "active", sessionId: sid });
  });

  it("remembers by default, and not if told so", async () => {
    const { session, server } = await signedIn();
    await settled(session.signIn({ ...ANN, remember: false }));
    expect(server.requests.map(({ body }) => (body as { remember: boolean }).remember)).toEqual([true, false]);
  });

  it("sends what no form can send, as JSON", async () => {
    const { server } = await signedIn();
    expect(server.requests[0]!.headers.get("Gatepass-Client")).toBe("1");
    expect(server.requests[0]!.headers.get("Content-Type")).toBe("application/json");
  });

  it("signs up; null where the address must be verified first", async () => {
    const { session, server } = await signedIn();
    expect(await settled(session.signUp(ANN))).toMatchObject({ email: ANN.email });
    server.answers.push(() => ({ status: 202 }));
    expect(await settled(session.signUp(ANN))).toBeNull();
  });

  it("sends the members that rules of the application require, and none in the place of ours", async () => {
    const { session, server } = await signedIn();
    await settled(session.signUp({ ...ANN, extra: { company: "Acme", email: "eve@example.com" } }));
    expect(server.requests.at(-1)!.body).toMatchObject({ company: "Acme", email: ANN.email });
  });

  it("shows the code and the text of a rule that refuses", async () => {
    const { session, server } = await signedIn();
    server.answers.push(() => problem(403, "app:domain-not-allowed", { detail: "Use your address at work." }));
    await expect(settled(session.signUp(ANN))).rejects.toMatchObject({
      kind: "http",
      message: "Use your address at work.",
      problem: { code: "app:domain-not-allowed" },
    });
  });

  it("carries what may follow a first step, and ends a second one under the key of the first", async () => {
    const { session, server, sid } = await signedIn();
    const facts = { methods: ["totp"], ticket: "gp_st_x", expires_in: 300 };
    server.answers.push(() => problem(401, "second-factor-required", facts, { "WWW-Authenticate": "Bearer" }));
    const first = settled(session.signIn(ANN));
    await expect(first).rejects.toMatchObject({ status: 401, problem: { code: "second-factor-required", ...facts } });
    expect(session.getSnapshot()).toMatchObject({ status: "active", sessionId: sid });
    expect(calls(server, "/auth/refresh")).toBe(0);
    const { binding_secret } = server.requests.at(-1)!.body as { binding_secret: string };
    server.answers.push((sent) => server.receive({ ...sent, path: "/auth/login", body: { ...ANN, binding_secret } }));
    await settled(session.enter("/login/totp", { ticket: "gp_st_x", code: "123456" }));
    expect(server.requests.at(-2)!.body).toEqual({ ticket: "gp_st_x", code: "123456" });
    expect(session.getSnapshot().sessionId).not.toBe(sid);
    await settled(session.refresh());
    expect(server.requests.at(-1)!.headers.get("Gatepass-Proof")).toBeTruthy();
    expect(session.getSnapshot().status).toBe("active");
  });

  it("takes no code of an application for the end of the session, whatever its name", async () => {
    const { session, server } = await signedIn();
    await pass(6);
    server.answers.push(() => problem(403, "app:session-ended", { sid: session.getSnapshot().sessionId }));
    await settled(session.refresh());
    expect(session.getSnapshot().status).not.toBe("ended");
    server.answers.push(() => problem(422, "app:session-ended"));
    await expect(settled(session.signIn(ANN))).rejects.toMatchObject({ problem: { code: "app:session-ended" } });
    expect(session.getSnapshot().status).not.toBe("ended");
  });
});

describe("a token when a request needs one", () => {
  it("comes at once while there is time left", async () => {
    const { session, server } = await signedIn();
    await pass(600);
    expect(await settled(session.token())).toMatchObject({ value: expect.any(String) });
    expect(calls(server, "/auth/refresh")).toBe(0);
  });

  it("comes at once with little time left, and one refresh runs beside it", async () => {
    const { session, server } = await signedIn();
    const first = await settled(session.token());
    await pass(850);
    const [second] = await Promise.all([session.token(), session.token()]);
    expect(second).toEqual(first);
    await pass(1);
    expect(calls(server, "/auth/refresh")).toBe(1);
    expect((await settled(session.token()))!.value).not.toBe(first!.value);
  });

  it("takes at most a third of a short life as margin", async () => {
    const { session, server } = await signedIn();
    server.accessTtl = 30;
    await settled(session.refresh());
    await pass(19);
    await settled(session.token());
    expect(calls(server, "/auth/refresh")).toBe(1);
    await pass(2);
    await settled(session.token());
    await pass(1);
    expect(calls(server, "/auth/refresh")).toBe(2);
  });

  it("is waited for by 50 requests and brought by one refresh when it has expired", async () => {
    const { session, server } = await signedIn();
    await pass(901);
    const tokens = await settled(Promise.all(Array.from({ length: 50 }, () => session.token())));
    expect(new Set(tokens.map((token) => token!.value)).size).toBe(1);
    expect(server.cases("advance")).toBe(1);
  });

  it("is brought by one refresh for 50 refused requests", async () => {
    const { session, server } = await signedIn();
    const { serial } = (await settled(session.token()))!;
    await pass(6);
    const tokens = await settled(Promise.all(Array.from({ length: 50 }, () => session.token(serial))));
    expect(tokens.every((token) => token!.serial > serial)).toBe(true);
    expect(server.cases("advance")).toBe(1);
  });

  it("answers a 401 that comes late with the newer token and no second refresh", async () => {
    const { session, server } = await signedIn();
    const { serial } = (await settled(session.token()))!;
    await pass(6);
    const early = await settled(session.token(serial));
    expect(await settled(session.token(serial))).toEqual(early);
    expect(server.cases("advance")).toBe(1);
  });

  it("does not answer a 401 for a token younger than five seconds with a refresh", async () => {
    const { session, server } = await signedIn();
    const { serial } = (await settled(session.token()))!;
    await pass(4);
    expect(await settled(session.token(serial))).toBeNull();
    expect(calls(server, "/auth/refresh")).toBe(0);
  });

  it("answers a 401 after a sleep with a refresh, although it took the token seconds ago by the clock that slept", async () => {
    const { session, server } = await signedIn();
    const { serial } = (await settled(session.token()))!;
    await pass(1);
    sleep(36);
    expect((await settled(session.token(serial)))!.serial).toBeGreaterThan(serial);
    expect(calls(server, "/auth/refresh")).toBe(1);
  });

  it("has expired after a sleep that was longer than its life", async () => {
    const { session, server } = await signedIn();
    const { serial } = (await settled(session.token()))!;
    sleep(1_000);
    expect((await settled(session.token()))!.serial).toBeGreaterThan(serial);
    expect(calls(server, "/auth/refresh")).toBe(1);
    expect(session.getSnapshot().expiresAt! - performance.now()).toBeGreaterThan(890_000);
  });

  it("is not waited for after a sleep that was longer than the server's Retry-After", async () => {
    const { session, server, profile } = await signedIn();
    await pass(901);
    profile.faults = [429];
    await expect(settled(session.token())).rejects.toMatchObject({ kind: "refresh-unavailable" });
    sleep(3_600);
    expect(await settled(session.token())).not.toBeNull();
    expect(server.cases("advance")).toBe(1);
  });

  it("is not changed by a wall clock that is set back, or on by a fraction of a second", async () => {
    const { session, server } = await signedIn();
    const first = await settled(session.token());
    sleep(-36_000);
    for (let step = 0; step < 20; step++) {
      await pass(1);
      sleep(0.4);
      expect(await settled(session.token())).toEqual(first);
    }
    expect(calls(server, "/auth/refresh")).toBe(0);
  });

  it("is counted from the request, so that a slow answer does not make it look young", async () => {
    const { session, profile } = await signedIn();
    profile.server.accessTtl = 100;
    profile.faults = [{ hang: 9_000 }];
    await settled(session.refresh());
    expect(session.getSnapshot().expiresAt! - performance.now()).toBeLessThan(91_001);
  });

  it("is never fetched by a timer: an abandoned page lets its session rest", async () => {
    const { server } = await signedIn();
    await pass(86_400);
    expect(server.requests).toHaveLength(1);
  });

  it("detaches one caller that gives up, and serves the others", async () => {
    const { session, server } = await signedIn();
    await pass(901);
    const giveUp = new AbortController();
    const both = Promise.allSettled([
      session.token(undefined, giveUp.signal),
      session.token(undefined, new AbortController().signal),
    ]);
    giveUp.abort();
    const [left, stayed] = await settled(both);
    expect(left).toMatchObject({ status: "rejected", reason: { kind: "aborted" } });
    expect(stayed).toMatchObject({ status: "fulfilled", value: { value: expect.any(String) } });
    expect(server.cases("advance")).toBe(1);
  });
});

describe("what a session tells", () => {
  it("keeps the snapshot the same object until something changes", async () => {
    const { session } = await signedIn();
    expect(session.getSnapshot()).toBe(session.getSnapshot());
  });

  it("tells of a refresh with its trigger, and never a token", async () => {
    const { session } = await signedIn();
    const events: SessionEvent[] = [];
    session.on("*", (event) => events.push(event));
    await pass(901);
    const token = await settled(session.token());
    expect(events).toMatchObject([
      { type: "refresh", phase: "start", trigger: "expired", attempts: 0, generation: 0 },
      { type: "refresh", phase: "end", trigger: "expired", outcome: "ok", attempts: 1, generation: 1, shared: false },
    ]);
    expect(JSON.stringify(events)).not.toContain(token!.value);
  });

  it("tells of no status between two sessions, and never of `unknown`", async () => {
    const { session, profile } = await signedIn();
    const seen: string[] = [];
    session.on("status", ({ status }) => seen.push(status));
    await settled(session.signIn(BOB));
    await settled(session.signOut());
    await settled(open(profile.tab()).signIn(ANN));
    await pass(1);
    expect(seen).toEqual(["ended", "active"]);
  });

  it("goes on when a listener throws", async () => {
    const { session } = await signedIn();
    const seen: unknown[] = [];
    process.once("uncaughtException", (error) => seen.push(error.message));
    session.subscribe(() => {
      throw new Error("mine");
    });
    await expect(settled(session.refresh())).resolves.toMatchObject({ status: "active", generation: 1 });
  });

  it("stops telling what was unsubscribed", async () => {
    const { session } = await signedIn();
    let count = 0;
    const stop = session.subscribe(() => count++);
    stop();
    await settled(session.refresh());
    expect(count).toBe(0);
  });

  it("redacts its errors", async () => {
    const error = new GatepassError("http", {
      status: 409,
      problem: { code: "email-taken", detail: "ann@example.com" },
    });
    expect(JSON.stringify(error)).toBe('{"name":"GatepassError","kind":"http","status":409,"code":"email-taken"}');
  });
});
