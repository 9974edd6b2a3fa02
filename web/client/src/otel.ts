/**
 * Reports requests to OpenTelemetry: one client span for each, with further attempts as its events, and one span for
 * each refresh. Names follow the semantic conventions for HTTP. No span holds a query, a header or a body.
 *
 *     import * as api from "@opentelemetry/api";
 *     createClient({ baseURL: "/api", session, layers: [otelLayer(api, { session }), retry()] });
 *
 * The instrumentation of fetch, if it is enabled, adds a span for each attempt.
 */

import type { context, Span, SpanKind, SpanStatusCode, Tracer, trace } from "@opentelemetry/api";

import type { Layer } from "./request/layer.js";
import { observe, type Route } from "./request/observe.js";
import type { Session } from "./session/types.js";

/** The part of `@opentelemetry/api` that is used. */
export interface OpenTelemetry {
  readonly context: typeof context;
  readonly trace: typeof trace;
  readonly SpanKind: typeof SpanKind;
  readonly SpanStatusCode: typeof SpanStatusCode;
}

export interface OtelOptions {
  /** Default: a tracer of the global provider. */
  readonly tracer?: Tracer | undefined;
  /** The session whose refreshes get spans. */
  readonly session?: Session | undefined;
  /** How paths are shown. If given, span names contain the path. Default: paths are unchanged and not in names. */
  readonly route?: Route | undefined;
  /** Origins that get a `traceparent` header. Default: that of the page. Others must allow the header (CORS). */
  readonly origins?: readonly string[] | undefined;
}

/** The layer. Put it before `retry()`. */
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
    // Without a provider the trace id is all zeros: there is nothing to propagate.
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
