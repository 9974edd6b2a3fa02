import { describe, expect, it, vi } from "vitest";
import { type Place, readEvents } from "../../src/live/event-stream.js";
import { type EventsSetup, openEvents, type ServerEvent, sessionSignal } from "../../src/live.js";
import { settled } from "../fake/clock.js";
import { LIFE, page, pass, usePage } from "../fake/live-server.js";
import { calls, open, signedIn } from "../fake/world.js";

usePage();

/** A stream whose bytes a test writes. */
class Stream {
  readonly lastId: string | null;
  readonly token: string | null;
  #controller?: ReadableStreamDefaultController<Uint8Array>;
  isLeft = false;

  constructor(readonly init: RequestInit) {
    const headers = new Headers(init.headers);
    this.lastId = headers.get("Last-Event-ID");
    this.token = headers.get("Authorization");
    init.signal?.addEventListener("abort", () => {
      this.isLeft = true;
      this.#controller?.error(init.signal!.reason);
    });
  }

  get response(): Response {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => {
        this.isLeft = true;
      },
    });
    return new Response(body, { headers: { "Content-Type": "text/event-stream; charset=utf-8" } });
  }

  write(text: string): void {
    this.#controller!.enqueue(new TextEncoder().encode(text));
  }

  end(): void {
    this.#controller!.close();
  }
}

async function world(setup: Partial<EventsSetup> = {}) {
  const made = await signedIn();
  const streams: Stream[] = [];
  const answers: (() => Response)[] = [];
  vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
    const stream = new Stream(init);
    streams.push(stream);
    return answers.shift()?.() ?? stream.response;
  });
  const heard: ServerEvent[] = [];
  let outcome: unknown = "open";
  const loop = (async () => {
    for await (const event of openEvents({ session: made.session, url: "/news", ...setup })) heard.push(event);
  })();
  loop.then(
    () => {
      outcome = "done";
    },
    (error: unknown) => {
      outcome = error;
    },
  );
  await pass(50);
  const last = () => streams.at(-1)!;
  return { ...made, streams, answers, heard, last, outcome: () => outcome };
}

describe("the format", () => {
  const read = async (...chunks: (string | Uint8Array)[]) => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const chunk of chunks)
          controller.enqueue(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk);
        controller.close();
      },
    });
    const place: Place = { id: "", retry: 3_000 };
    const events: string[] = [];
    for await (const { type, data, id } of readEvents(body, place)) events.push(`${type}|${data}|${id}`);
    return { events, ...place };
  };

  it.each([
    ["a field with and without a space", ["data: a\ndata:b\n\n"], ["message|a\nb|"]],
    ["a type", ["event: x\ndata: a\n\ndata: b\n\n"], ["x|a|", "message|b|"]],
    ["every end of a line", ["data: a\r\n\r\ndata: b\r\rdata: c\n\n"], ["message|a|", "message|b|", "message|c|"]],
    ["an end of a line in two chunks", ["data: a\r", "\n\r", "\ndata: b\n\n"], ["message|a|", "message|b|"]],
    ["a comment and an unknown field", [": ping\n\nfoo: x\ndata\n\n"], ["message||"]],
    ["an event that is cut off", ["data: a\n\ndata: b\n"], ["message|a|"]],
    [
      "a letter in two chunks",
      [new Uint8Array([100, 97, 116, 97, 58, 195]), new Uint8Array([164, 10, 10])],
      ["message|ä|"],
    ],
    ["a byte order mark", ["\ufeffdata: a\n\n"], ["message|a|"]],
    ["a value with a colon", ["data: a: b\n\n"], ["message|a: b|"]],
  ])("has %s", async (_what, chunks, events) => {
    expect((await read(...chunks)).events).toEqual(events);
  });

  it("keeps the id of events before, of events without data too, and none with a NUL", async () => {
    expect(await read("id: 1\ndata: a\n\ndata: b\n\nid: 2\n\nid: \0\n\nid: cut off")).toEqual({
      events: ["message|a|1", "message|b|1"],
      id: "2",
      retry: 3_000,
    });
    expect(await read("id: 1\n\nid\n\nretry: 70\nretry: 7x\n\n")).toMatchObject({ id: "", retry: 70 });
  });
});

describe("an event that does not end", () => {
  const tooLong = { kind: "http", status: 200, problem: { code: "event-too-long" } };

  it.each([
    ["in one line", "data: ".padEnd(50_000, "x"), "".padEnd(50_000, "x")],
    ["in a line that is no event", ":", "".padEnd(50_000, "x")],
    ["in empty lines", "data\n", "data\n".repeat(50_000)],
    ["in many lines", "data: a\n", `data: ${"".padEnd(50_000, "x")}\n`],
  ])("ends the loop with an error, and the stream: %s", async (_what, first, more) => {
    const { last, outcome, streams, heard } = await world();
    last().write(`data: before\n\n${first}`);
    for (let parts = 0; parts < 21; parts++) last().write(more);
    await pass(600_000);
    expect(outcome()).toMatchObject(tooLong);
    expect([streams.length, last().isLeft, heard.length]).toEqual([1, true, 1]);
  });

  it("but for a million characters is one like any other, and so is what follows", async () => {
    const { last, outcome, heard } = await world();
    last().write("data: ");
    for (let parts = 0; parts < 999; parts++) last().write("".padEnd(1_000, "x"));
    last().write("\n\n");
    for (let parts = 0; parts < 30; parts++) last().write(`data: ${"".padEnd(50_000, "x")}\n\n`);
    await pass(1_000);
    expect([outcome(), heard.length, heard[0]!.data.length]).toEqual(["open", 31, 999_000]);
  });
});

describe("a stream", () => {
  it("goes on where it stopped, at each attempt with the newest id and token", async () => {
    const { streams, heard, session } = await world({ lastEventId: "start" });
    streams[0]!.write("id: 7\ndata: a\n\n");
    await pass(10);
    streams[0]!.end();
    await settled(session.refresh());
    await pass(6_000);
    streams[1]!.write("id: ü8\ndata: b\n\n");
    await pass(10);
    streams[1]!.end();
    await pass(6_000);
    expect(streams.map(({ lastId }) => lastId)).toEqual(["start", "7", "\u00c3\u00bc8"]);
    expect(heard.map(({ data }) => data)).toEqual(["a", "b"]);
    expect(streams[0]!.token).not.toBe(streams[1]!.token);
  });

  it("waits as long as it was told to", async () => {
    const { streams, last } = await world();
    last().write("retry: 50000\n\n");
    await pass(10);
    last().end();
    await pass(49_000);
    expect(streams).toHaveLength(1);
    await pass(60_000);
    expect(streams).toHaveLength(2);
  });

  it("is opened again after an answer that may change, and waits as long as it asks", async () => {
    const { streams, answers, last, outcome } = await world();
    answers.push(() => new Response(null, { status: 503, headers: { "Retry-After": "40" } }));
    last().end();
    await pass(7_000);
    expect(streams).toHaveLength(2);
    await pass(30_000);
    expect(streams).toHaveLength(2);
    await pass(20_000);
    expect([streams.length, outcome()]).toEqual([3, "open"]);
  });

  it.each([
    ["403", () => new Response("{}", { status: 403 })],
    ["404", () => new Response(null, { status: 404 })],
    ["another media type", () => new Response("<p>", { headers: { "Content-Type": "text/html" } })],
  ])("ends with an error for what will not change: %s", async (_what, answer) => {
    const { streams, answers, last, outcome } = await world();
    answers.push(answer);
    last().end();
    await pass(600_000);
    expect(outcome()).toMatchObject({ kind: "http" });
    expect(streams).toHaveLength(2);
  });

  it("ends where the server says that there is no more, by 204", async () => {
    const { answers, last, outcome } = await world();
    answers.push(() => new Response(null, { status: 204 }));
    last().end();
    await pass(7_000);
    expect(outcome()).toBe("done");
  });

  it("ends at once with the session, and with the caller's signal", async () => {
    const one = await world();
    await settled(one.session.signOut());
    expect([one.outcome(), one.last().isLeft]).toEqual(["done", true]);
    const stop = new AbortController();
    const two = await world({ signal: stop.signal });
    stop.abort();
    await pass(10);
    expect([two.outcome(), two.last().isLeft]).toEqual(["done", true]);
  });

  it("asks for nothing where the signal has fired already, no token either", async () => {
    const { profile, server } = await signedIn();
    const events = openEvents({ session: open(profile.tab()), url: "/news", signal: AbortSignal.abort() });
    expect(await settled(events.next())).toMatchObject({ done: true });
    await pass(1_000);
    expect(calls(server, "/auth/refresh")).toBe(0);
  });

  it("is closed when its loop is left", async () => {
    const { session } = await world();
    const events = openEvents({ session, url: "/news" });
    const streams: Stream[] = [];
    vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
      const stream = new Stream(init);
      streams.push(stream);
      return stream.response;
    });
    const first = events.next();
    await pass(50);
    streams[0]!.write("data: a\n\n");
    expect((await first).value).toMatchObject({ data: "a" });
    await events.return(undefined);
    expect(streams[0]!.isLeft).toBe(true);
  });

  it("does not keep the session of an abandoned page alive, and goes on when somebody comes back", async () => {
    const { streams, server, last } = await world();
    await pass(LIFE + 1_000);
    last().end();
    await pass(3_600_000);
    expect([streams.length, calls(server, "/auth/refresh")]).toEqual([1, 0]);
    page.use();
    await pass(100);
    expect([streams.length, calls(server, "/auth/refresh")]).toEqual([2, 1]);
  });

  it("is opened anew when the network is back, since the old one may never say that it is lost", async () => {
    const { streams } = await world();
    page.setOnline(true);
    await pass(7_000);
    expect([streams.length, streams[0]!.isLeft]).toEqual([2, true]);
  });
});

describe("the signal of a session", () => {
  it("fires when the session ends, is the same for all who ask, and a new one for the next session", async () => {
    const { session } = await signedIn();
    const signal = sessionSignal(session);
    expect(sessionSignal(session)).toBe(signal);
    await settled(session.refresh());
    expect(signal.aborted).toBe(false);
    await settled(session.signOut());
    expect(signal.reason).toMatchObject({ kind: "session-ended" });
    expect(sessionSignal(session).aborted).toBe(true);
    await settled(session.signIn({ email: "bob@example.com", password: "right" }));
    expect(sessionSignal(session).aborted).toBe(false);
  });
});
