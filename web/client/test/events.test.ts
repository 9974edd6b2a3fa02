import { describe, expect, it, vi } from "vitest";

import { type Fact, type LogOptions, log, type SessionChange, track, withoutIds } from "../src/events.js";
import { retry } from "../src/retry.js";
import { CLIENTS, overFetch, worldOf } from "./fake/clients.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { problem } from "./fake/server.js";
import { ANN, open, signedIn } from "./fake/world.js";

useFakeClock();

describe.each(CLIENTS)("the facts of requests through %s", (_name, over) => {
  const worldWith = async (options: LogOptions = {}) => {
    const facts: Fact[] = [];
    const world = await worldOf(over, [
      log({ sink: (fact) => facts.push(fact), ...options }),
      retry({ draw: () => 1 }),
    ]);
    return { ...world, facts };
  };

  it("are one for each, with what came of it and how long it took", async () => {
    const { send, facts } = await worldWith();
    await settled(send("get", "/orders/7?code=hidden"));
    expect(facts).toEqual([
      {
        type: "request",
        level: "info",
        id: expect.any(Number),
        method: "GET",
        host: "localhost:8000",
        path: "/api/orders/7",
        status: 200,
        outcome: "ok",
        ms: expect.any(Number),
        attempts: 1,
        wait: 0,
      },
    ]);
    expect(facts[0]).toMatchObject({ ms: 10 });
  });

  it("have one more for each further attempt, and what was waited", async () => {
    const { send, server, facts } = await worldWith();
    server.answers = [() => problem(503, "later"), () => problem(503, "later")];
    await settled(send("GET", "/x"));
    expect(facts).toMatchObject([
      { type: "retry", status: 503, outcome: "http", attempts: 1, level: "info" },
      { type: "retry", status: 503, attempts: 2 },
      { type: "request", status: 200, outcome: "ok", attempts: 3, wait: expect.any(Number) },
    ]);
    expect((facts[2] as { wait: number }).wait).toBe(750);
  });

  it.each([
    ["a 404 is no warning", () => problem(404, "nowhere"), { status: 404, outcome: "http", level: "info" }],
    ["a 500 is one", () => problem(501, "broken"), { status: 501, outcome: "http", level: "warn" }],
    [
      "no answer is one",
      () => {
        throw new TypeError("Failed to fetch");
      },
      { status: undefined, outcome: "network", level: "warn" },
    ],
  ])("%s", async (_what, turn, expected) => {
    const { send, server, facts } = await worldWith();
    server.answers = [turn];
    await settled(send("POST", "/x", {}, { n: 1 }).catch(() => null));
    expect(facts).toMatchObject([expected]);
  });

  it("say that it was given up by its caller, which is no warning", async () => {
    const { send, facts } = await worldWith();
    const abort = new AbortController();
    const gone = send("GET", "/x", { signal: abort.signal }).catch(() => null);
    abort.abort();
    await settled(gone);
    expect(facts).toMatchObject([{ outcome: "aborted", level: "info" }]);
  });

  it("are warnings where it was slow, and those alone are told where that is wanted", async () => {
    const { send, facts } = await worldWith({ slow: 5, level: "warn" });
    await settled(send("GET", "/slow"));
    expect(facts).toMatchObject([{ path: "/api/slow", level: "warn" }]);
    const quick = await worldWith({ level: "warn" });
    await settled(quick.send("GET", "/x"));
    expect(quick.facts).toEqual([]);
  });

  it("show paths as the hook says", async () => {
    const { send, facts } = await worldWith({ route: withoutIds });
    await settled(send("GET", "/orders/7/lines/a8098c1a-f86e-11da-bd1a-00112444be1e"));
    expect(facts).toMatchObject([{ path: "/api/orders/:id/lines/:id" }]);
  });

  it("harm no request where sink or hook fail", async () => {
    const failing = (): never => {
      throw new Error("the sink is broken");
    };
    const reported: unknown[] = [];
    const queue = globalThis.queueMicrotask;
    vi.spyOn(globalThis, "queueMicrotask").mockImplementation((act) =>
      queue(() => {
        try {
          act();
        } catch (error) {
          reported.push(error);
        }
      }),
    );
    for (const options of [{ sink: failing }, { route: failing }]) {
      const { send } = await worldWith(options);
      expect((await settled(send("GET", "/x"))).status).toBe(200);
    }
    expect(reported).toHaveLength(2);
  });
});

describe("the facts of a session", () => {
  it("are in the same stream: refreshes and changes of the status", async () => {
    const facts: Fact[] = [];
    const { session, profile, server, sid } = await signedIn();
    const { send } = overFetch(session, profile, [log({ sink: (fact) => facts.push(fact), session })]);
    await pass(901);
    profile.faults = [503];
    await settled(send("GET", "/x").catch(() => null));
    await settled(send("GET", "/x"));
    await pass(901);
    server.revoke(sid, "revoked");
    await settled(send("GET", "/x").catch(() => null));
    const words = facts.map(({ type, level, ...fact }) => {
      const { phase, outcome, status, reason } = fact as Record<string, unknown>;
      return `${type} ${reason ?? outcome ?? status ?? phase} ${level}`;
    });
    expect(words).toEqual([
      "refresh start info",
      "status degraded warn",
      "refresh transient warn",
      "request refresh-unavailable warn",
      "refresh start info",
      "status active info",
      "refresh ok info",
      "request ok info",
      "refresh start info",
      "status revoked warn",
      "refresh ended info",
      "request session-ended info",
    ]);
  });

  it("are lines on the console, with the facts beside them", async () => {
    const info = vi.spyOn(console, "info").mockReturnValue();
    const warn = vi.spyOn(console, "warn").mockReturnValue();
    const { session, profile, server } = await signedIn();
    const { send } = overFetch(session, profile, [log({ session })]);
    server.answers = [() => problem(503, "later")];
    await settled(send("GET", "/x").catch(() => null));
    await settled(send("GET", "/x?secret=1"));
    await settled(session.signOut());
    expect(warn).toHaveBeenCalledWith("GET /api/x: 503", expect.objectContaining({ id: 1 }));
    expect(info).toHaveBeenCalledWith("GET /api/x: 200", expect.objectContaining({ id: 2 }));
    expect(info).toHaveBeenCalledWith("status: signed-out", expect.anything());
  });
});

describe("analytics", () => {
  const watch = (session: Parameters<typeof track>[0]) => {
    const moments: string[] = [];
    const stop = track(session, ({ name, reason }: SessionChange) => moments.push(reason ? `${name} ${reason}` : name));
    return { moments, stop };
  };

  it("hear of a sign-in and a sign-out, with its reason", async () => {
    const { tab, session: first } = await signedIn();
    await settled(first.signOut());
    const session = open(tab);
    const { moments } = watch(session);
    await settled(session.signIn(ANN));
    await settled(session.signOut());
    expect(moments).toEqual(["signed-in", "signed-out signed-out"]);
  });

  it("tell a page that was signed in already from a sign-in", async () => {
    const { profile } = await signedIn();
    const session = open(profile.tab());
    const { moments } = watch(session);
    await settled(session.start());
    expect(moments).toEqual(["resumed"]);
  });

  it("hear once that refreshes fail, and not of the recovery as of a sign-in", async () => {
    const { profile, session } = await signedIn();
    const { moments } = watch(session);
    await pass(901);
    profile.faults = [503, 503];
    for (let count = 0; count < 3; count++) await settled(session.refresh());
    expect(session.getSnapshot().status).toBe("active");
    expect(moments).toEqual(["refresh-failed"]);
  });

  it("hear of an end by the server", async () => {
    const { server, session, sid } = await signedIn();
    const { moments, stop } = watch(session);
    server.revoke(sid, "reused");
    await settled(session.refresh());
    stop();
    await settled(session.signIn(ANN));
    expect(moments).toEqual(["signed-out reused"]);
  });
});

describe("a route without ids", () => {
  it.each([
    ["/orders/7", "/orders/:id"],
    ["/orders/7/", "/orders/:id/"],
    ["/1/2/3", "/:id/:id/:id"],
    ["/users/01hv3k9q2zzz/notes", "/users/:id/notes"],
    ["/v1/settings/notifications", "/v1/settings/notifications"],
    ["/", "/"],
  ])("%s is %s", (path, route) => expect(withoutIds(path)).toBe(route));
});
