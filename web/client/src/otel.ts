/**
 * Requests as OpenTelemetry sees them: one client span for each, further attempts as its events, each refresh a span of
 * its own. Names are those of the semantic conventions for HTTP; queries, headers and bodies are in none.
 *
 *     import * as api from "@opentelemetry/api";
 *     createClient({ baseURL: "/api", session, layers: [otelLayer(api, { session }), retry()] });
 *
 * The instrumentation of fetch, where it is on, adds a span for each attempt.
 */

import type { context, Span, SpanKind, SpanStatusCode, Tracer, trace } from "@opentelemetry/api";

import type { Layer } from "./request/layer.js";
import { observe, type Route } from "./request/observe.js";
import type { Session } from "./session/types.js";

/** What of `@opentelemetry/api` is used. */
export interface OpenTelemetry {
  readonly context: typeof context;
  readonly trace: typeof trace;
  readonly SpanKind: typeof SpanKind;
  readonly SpanStatusCode: typeof SpanStatusCode;
}

export interface OtelOptions {
  /** Default: one of the global provider. */
  readonly tracer?: Tracer;
  /** Of this one refreshes are told. */
  readonly session?: Session;
  /** How paths are shown; with it they are part of the spans' names. Default: as they are. */
  readonly route?: Route;
  /** To which the trace goes on, by a `traceparent`. Default: the page's own. Others must allow that header (CORS). */
  readonly origins?: readonly string[];
}

/** The layer; put it outside of `retry()`. */
export function otelLayer(api: OpenTelemetry, { session, route, ...options }: OtelOptions = {}): Layer {
  const { tracer = api.trace.getTracer("gatepass"), origins = [globalThis.location?.origin] } = options;

  const fail = (span: Span, type: string) => {
    span.setAttribute("error.type", type);
    span.setStatus({ code: api.SpanStatusCode.ERROR });
  };

  session?.on("refresh", ({ phase, outcome, trigger, attempts, ms }) => {
    if (phase === "start") return;
    const attributes = { "gatepass.trigger": trigger, "gatepass.outcome": outcome!, "gatepass.attempts": attempts };
    const span = tracer.startSpan("gatepass.refresh", { attributes, startTime: Date.now() - ms, root: true });
    if (outcome === "transient") fail(span, outcome);
    span.end();
  });

  return (call, next) => {
    const { method, url, headers } = call;
    const attributes = { "http.request.method": method, "server.address": url.hostname };
    const span = tracer.startSpan(method, { kind: api.SpanKind.CLIENT, attributes });
    const { traceId, spanId, traceFlags } = span.spanContext();
    // Without a provider there is nothing to go on with: all zeros.
    if (origins.includes(url.origin) && /[^0]/.test(traceId))
      headers.set("traceparent", `00-${traceId}-${spanId}-0${traceFlags & 1}`);
    const inside = api.trace.setSpan(api.context.active(), span);
    return api.context.with(inside, () =>
      observe(
        call,
        next,
        ({ type, status, outcome, attempts, path }) => {
          if (type === "retry") {
            span.addEvent("retry", { "http.request.resend_count": attempts, "error.type": `${status ?? outcome}` });
            return;
          }
          if (route) span.updateName(`${method} ${path}`);
          span.setAttributes({ "url.path": path, "url.full": url.origin + path });
          if (status) span.setAttribute("http.response.status_code", status);
          if (attempts > 1) span.setAttribute("http.request.resend_count", attempts - 1);
          if (outcome !== "ok") fail(span, `${status ?? outcome}`);
          span.end();
        },
        route,
      ),
    );
  };
}
