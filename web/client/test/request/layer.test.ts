import { describe, expect, it } from "vitest";

import { failureOf } from "../../src/errors.js";
import type { Answer, Call, Layer } from "../../src/request/layer.js";
import type { RequestEvent } from "../../src/session/types.js";
import { CLIENTS, type Subject, worldOf } from "../fake/clients.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { problem } from "../fake/server.js";
import { calls } from "../fake/world.js";

useFakeClock();

/** Sends again, once, what failed with a 5xx. */
const again: Layer = async (call, next) => {
  try {
    return await next(call);
  } catch (error) {
    if ((failureOf(error).status ?? 0) < 500) throw error;
    return next({ ...call, attempt: call.attempt + 1 });
  }
};

function watching(log: string[], name: string): Layer {
  return async (call, next) => {
    log.push(`${name} out`);
    const answer = await next(call);
    log.push(`${name} back`);
    return answer;
  };
}

function keeping(kept: Call[]): Layer {
  return (call, next) => {
    kept.push(call);
    return next(call);
  };
}

/** Runs whatever interceptors the client has, and counts. */
function counting({ client }: Subject): () => number {
  let runs = 0;
  client.interceptors.request.use(<Request>(request: Request) => {
    runs++;
    return request;
  });
  return () => runs;
}

describe.each(CLIENTS)("layers of %s", (_name, over) => {
  it("are around the request, the first outermost", async () => {
    const log: string[] = [];
    const { send } = await worldOf(over, [watching(log, "a"), watching(log, "b")]);
    await settled(send("GET", "/x"));
    expect(log).toEqual(["a out", "b out", "b back", "a back"]);
  });

  it("see one request: method, whole address, headers, signal, what the caller said", async () => {
    const kept: Call[] = [];
    const { send } = await worldOf(over, [keeping(kept)]);
    const { signal } = new AbortController();
    await settled(send("post", "/x?a=1", { signal, headers: { "X-Mine": "1" }, retry: { attempts: 2 } }, { n: 1 }));
    const [call] = kept;
    expect(call).toMatchObject({ method: "POST", attempt: 1, isReplayable: true, signal });
    expect(call!.url.href).toBe("http://localhost:8000/api/x?a=1");
    expect(call!.headers.get("x-mine")).toBe("1");
    expect(call!.headers.get("Authorization")).toBeNull();
    expect(call!.headers.get("X-Absent")).toBeNull();
    expect(call!.options.retry).toEqual({ attempts: 2 });
  });

  it("see a stream as what cannot be sent twice", async () => {
    const kept: Call[] = [];
    const { send } = await worldOf(over, [keeping(kept)]);
    const body = new ReadableStream({ start: (controller) => controller.close() });
    await settled(send("POST", "/x", { headers: { "Content-Type": "text/plain" } }, body).catch(() => null));
    expect(kept[0]!.isReplayable).toBe(false);
  });

  it("add headers to what is sent", async () => {
    const { send, sent } = await worldOf(over, [
      (call, next) => {
        call.headers.set("X-Layer", "1");
        return next(call);
      },
    ]);
    await settled(send("GET", "/x"));
    expect(sent[0]!.headers.get("X-Layer")).toBe("1");
  });

  it("see the answer: status and headers", async () => {
    const seen: Answer[] = [];
    const { send, server } = await worldOf(over, [
      async (call, next) => {
        const answer = await next(call);
        seen.push(answer);
        return answer;
      },
    ]);
    server.answers.push(() => ({ status: 201, headers: { ETag: '"7"' } }));
    await settled(send("GET", "/x"));
    expect([seen[0]!.status, seen[0]!.headers.get("etag")]).toEqual([201, '"7"']);
  });

  it("send again, each time with the token of then; interceptors and events know one request", async () => {
    const world = await worldOf(over, [again]);
    const { send, sent, server, session } = world;
    const runs = counting(world);
    const events: RequestEvent[] = [];
    session.on("request", (event) => events.push(event));
    await pass(6);
    server.answers = [
      () => {
        server.refuseTokens();
        return problem(503, "later");
      },
    ];
    expect((await settled(send("GET", "/x"))).status).toBe(200);
    expect([runs(), sent.length, calls(server, "/auth/refresh")]).toEqual([1, 3, 1]);
    expect(sent[2]!.headers.get("Authorization")).not.toBe(sent[0]!.headers.get("Authorization"));
    expect(events.map(({ phase }) => phase)).toEqual(["start", "sent", "sent", "waiting", "replay", "end"]);
    expect(events.at(-1)).toMatchObject({ status: 200 });
  });

  it("hear of a refresh inside them as of one sending", async () => {
    const kept: Call[] = [];
    const { send, server } = await worldOf(over, [keeping(kept)]);
    await pass(6);
    server.refuseTokens();
    await settled(send("GET", "/x"));
    expect([kept.length, calls(server, "/auth/refresh")]).toEqual([1, 1]);
  });

  it("end a request by a narrower signal, and the caller's goes on to work", async () => {
    const limit = new AbortController();
    const { send } = await worldOf(over, [
      (call, next) => next({ ...call, signal: AbortSignal.any([limit.signal, ...(call.signal ? [call.signal] : [])]) }),
    ]);
    const failed = send("GET", "/x").catch((error: unknown) => error);
    limit.abort();
    expect(failureOf(await settled(failed)).kind).toBe("aborted");
  });

  it("answer in the network's stead", async () => {
    const kept: Answer[] = [];
    const { send, sent } = await worldOf(over, [
      async (call, next) => {
        if (kept[0]) return kept[0] as never;
        const answer = await next(call);
        kept.push(answer);
        return answer;
      },
    ]);
    await settled(send("GET", "/x"));
    expect((await settled(send("GET", "/x"))).status).toBe(200);
    expect(sent).toHaveLength(1);
  });

  it("are told the error of an ended session with whose request it was, and no two share one", async () => {
    const { send, server, sid } = await worldOf(over);
    await pass(6);
    server.revoke(sid, "revoked");
    const errors = await settled(
      Promise.all(["/x?secret=1", "/y"].map((path) => send("GET", path).catch((error: unknown) => error))),
    );
    expect(errors).toMatchObject([
      { kind: "session-ended", method: "GET", url: "http://localhost:8000/api/x" },
      { kind: "session-ended", method: "GET", url: "http://localhost:8000/api/y" },
    ]);
  });

  it("are told apart where no new token can be had, each for its own request", async () => {
    const { send, profile } = await worldOf(over);
    await pass(901);
    profile.faults = [503];
    const errors = await settled(
      Promise.all(["/x", "/y"].map((path) => send("GET", path).catch((error: unknown) => error))),
    );
    expect(errors).toMatchObject([
      { kind: "refresh-unavailable", url: "http://localhost:8000/api/x", retryAfterMs: expect.any(Number) },
      { kind: "refresh-unavailable", url: "http://localhost:8000/api/y", retryAfterMs: expect.any(Number) },
    ]);
  });
});

describe("a layer that sends a request elsewhere", () => {
  it("takes no token there", async () => {
    const { send, sent } = await worldOf(CLIENTS[0][1], [
      (call, next) => next({ ...call, url: new URL("https://evil.example/x") }),
    ]);
    await settled(send("GET", "/x").catch(() => null));
    expect(sent[0]!.headers.get("Authorization")).toBeNull();
  });
});
