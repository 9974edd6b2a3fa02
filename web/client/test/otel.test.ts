import * as api from "@opentelemetry/api";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { describe, expect, it } from "vitest";

import { withoutIds } from "../src/events.js";
import { type OtelOptions, otelLayer } from "../src/otel.js";
import { retry } from "../src/retry.js";
import { CLIENTS, overFetch } from "./fake/clients.js";
import { pass, settled, useFakeClock } from "./fake/clock.js";
import { problem } from "./fake/server.js";
import { signedIn } from "./fake/world.js";

useFakeClock();

const OWN = ["http://localhost:8000"];

/** The real SDK, which keeps its spans here. */
function telemetry() {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  return { tracer: provider.getTracer("test"), spans: () => exporter.getFinishedSpans() };
}

async function worldWith(over: typeof overFetch, options: OtelOptions = {}) {
  const world = await signedIn();
  const { tracer, spans } = telemetry();
  const layer = otelLayer(api, { tracer, session: world.session, origins: OWN, ...options });
  return { ...world, ...over(world.session, world.profile, [layer, retry()]), spans };
}

describe.each(CLIENTS)("a request through %s", (_name, over) => {
  it("is one client span by the conventions, without its query", async () => {
    const { send, spans } = await worldWith(over);
    await settled(send("GET", "/orders/7?secret=1"));
    const [span] = spans();
    expect([spans().length, span!.name, span!.kind]).toEqual([1, "GET", api.SpanKind.CLIENT]);
    expect(span!.attributes).toEqual({
      "http.request.method": "GET",
      "server.address": "localhost",
      "url.full": "http://localhost:8000/api/orders/7",
      "url.path": "/api/orders/7",
      "http.response.status_code": 200,
    });
    expect(span!.status.code).toBe(api.SpanStatusCode.UNSET);
  });

  it("bears its route in the name where there is one", async () => {
    const { send, spans } = await worldWith(over, { route: withoutIds });
    await settled(send("GET", "/orders/7"));
    expect(spans()[0]!.name).toBe("GET /api/orders/:id");
  });

  it("has further attempts as events, and is one span all the same", async () => {
    const { send, server, spans } = await worldWith(over);
    server.answers = [() => problem(503, "later")];
    await settled(send("GET", "/x"));
    const [span] = spans();
    expect([spans().length, span!.attributes["http.request.resend_count"]]).toEqual([1, 1]);
    expect(span!.events).toMatchObject([{ name: "retry", attributes: { "error.type": "503" } }]);
  });

  it.each([
    ["a status", () => problem(404, "nowhere"), "404"],
    [
      "no answer",
      () => {
        throw new TypeError("Failed to fetch");
      },
      "network",
    ],
  ])("fails with %s", async (_what, turn, type) => {
    const { send, server, spans } = await worldWith(over);
    server.answers = [turn];
    await settled(send("POST", "/x", {}, { n: 1 }).catch(() => null));
    const [span] = spans();
    expect([span!.attributes["error.type"], span!.status.code]).toEqual([type, api.SpanStatusCode.ERROR]);
    expect(span!.events).toEqual([]);
  });

  it("carries the trace on to its own origin, and to no other", async () => {
    const { send, sent, spans } = await worldWith(over);
    await settled(send("GET", "/x"));
    await settled(send("GET", "https://other.example/x").catch(() => null));
    const { traceId, spanId } = spans()[0]!.spanContext();
    expect(sent.map(({ headers }) => headers.get("traceparent"))).toEqual([`00-${traceId}-${spanId}-01`, null]);
  });

  it("has no header where nothing is recorded", async () => {
    const { send, sent } = await worldWith(over, { tracer: api.trace.getTracer("none") });
    await settled(send("GET", "/x"));
    expect(sent[0]!.headers.get("traceparent")).toBeNull();
  });
});

describe("a refresh", () => {
  it("is a span of its own, as long as it took", async () => {
    const { send, profile, spans } = await worldWith(overFetch);
    await pass(901);
    profile.faults = [{ lag: 500 }];
    await settled(send("GET", "/x"));
    const span = spans().find(({ name }) => name === "gatepass.refresh")!;
    expect(span.attributes).toEqual({
      "gatepass.trigger": "expired",
      "gatepass.outcome": "ok",
      "gatepass.attempts": 1,
    });
    expect(span.duration[0] * 1_000 + span.duration[1] / 1e6).toBeGreaterThanOrEqual(500);
    expect([spans().length, span.parentSpanContext]).toEqual([2, undefined]);
  });

  it("that came to nothing is an error", async () => {
    const { session, profile, spans } = await worldWith(overFetch);
    profile.faults = [503];
    await settled(session.refresh());
    expect(spans()[0]!.status.code).toBe(api.SpanStatusCode.ERROR);
  });
});
