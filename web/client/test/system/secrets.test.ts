// @vitest-environment happy-dom
import * as api from "@opentelemetry/api";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import * as Sentry from "@sentry/browser";
import { describe, expect, it, vi } from "vitest";

import { type Fact, log, type SessionChange, track } from "../../src/events.js";
import { otelLayer } from "../../src/otel.js";
import { retry } from "../../src/retry.js";
import { scrub, sentryLayer } from "../../src/sentry.js";
import { CLIENTS, type overFetch } from "../fake/clients.js";
import { pass, settled, useFakeClock } from "../fake/clock.js";
import { problem } from "../fake/server.js";
import { signedIn } from "../fake/world.js";

useFakeClock();

const CANARY = /.{0,60}(canary-|token-\d).{0,20}/;

/** Every place that anything can be told to, and all that arrived there. */
async function everySink(over: typeof overFetch) {
  const facts: Fact[] = [];
  const moments: SessionChange[] = [];
  const envelopes: string[] = [];
  const lines: unknown[][] = [];
  for (const level of ["info", "warn"] as const)
    vi.spyOn(console, level).mockImplementation((...line) => void lines.push(line));

  const exporter = new InMemorySpanExporter();
  const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer("test");
  Sentry.init({
    dsn: "https://key@sentry.example/1",
    defaultIntegrations: false,
    tracesSampleRate: 1,
    beforeSend: scrub,
    beforeSendSpan: scrub,
    beforeBreadcrumb: scrub,
    transport: (given) =>
      Sentry.createTransport(given, async ({ body }) => {
        envelopes.push(`${body}`);
        return { statusCode: 200 };
      }),
  });

  const world = await signedIn();
  const { session, profile } = world;
  track(session, (moment) => moments.push(moment));
  const layers = [
    log({ session }),
    log({ session, sink: (fact) => facts.push(fact) }),
    sentryLayer(Sentry, { session }),
    otelLayer(api, { session, tracer, origins: ["http://localhost:8000"] }),
    retry({ initialWait: 1 }),
  ];
  const spans = () => exporter.getFinishedSpans().map(({ name, attributes, events }) => ({ name, attributes, events }));
  return { ...world, ...over(session, profile, layers), facts, moments, lines, envelopes, spans };
}

describe.each(CLIENTS)("no sink of %s ever gets", (_name, over) => {
  it("a token, key, password, query, header or body", async () => {
    const world = await everySink(over);
    const { send, server, session, profile, sid } = world;
    const errors: unknown[] = [];
    const headers = { "X-Key": "canary-header", "Idempotency-Key": "canary-key", Cookie: "a=canary-cookie" };
    const path = "/reset/gp_rt_canary-path/now?code=canary-query";
    const attempt = (act: Promise<unknown>) => settled(act.catch((error: unknown) => errors.push(error)));

    await attempt(session.signIn({ email: "ann@example.com", password: "canary-password" }));
    await pass(901);
    profile.faults = [503];
    await attempt(send("POST", path, { headers }, { text: "canary-body" }));
    server.answers = [() => problem(503, "later"), () => problem(500, "broken", { debug: "canary-fact" })];
    await attempt(send("POST", path, { headers }, { text: "canary-body" }));
    server.answers = [
      () => {
        throw new TypeError("Failed to fetch https://example.com/?code=canary-query");
      },
    ];
    await attempt(send("POST", path, { retry: false }, { text: "canary-body" }));
    server.revoke(sid, "reused");
    await attempt(session.refresh());
    await attempt(send("GET", path));
    Sentry.startSpan(
      { name: "load", attributes: { "url.full": `http://localhost${path}`, "url.query": "canary-query" } },
      () => {},
    );
    for (const error of errors) Sentry.captureException(error);
    await settled(Promise.resolve(Sentry.close(1_000)));

    const { facts, moments, lines, envelopes, spans } = world;
    const told = { facts, moments, lines, envelopes, spans: spans() };
    // Each of them was told something: else this shows nothing.
    expect(Object.entries(told).filter(([, list]) => list.length < 2)).toEqual([]);
    expect(errors.length).toBeGreaterThan(2);
    for (const [sink, list] of Object.entries(told)) {
      expect(`${sink}: ${JSON.stringify(list).match(CANARY)?.[0]}`).toBe(`${sink}: undefined`);
    }
  });
});
