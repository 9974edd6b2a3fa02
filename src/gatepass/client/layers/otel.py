"""Reports calls to OpenTelemetry: one client span for each call, with its attempts and refreshes.

    client.layers = [otel_layer(), *client.layers]

Attribute names are those of the semantic conventions for HTTP; no attribute has the query or a header. If the
instrumentation of httpx is on, it records one span for each attempt, as children of this one.
"""

from gatepass._extras import missing_extra
from gatepass.client.flow import Call, Flow, Layer, Next
from gatepass.client.layers.call_log import facts_of

try:
    from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, get_tracer
except ModuleNotFoundError as missing:
    needed = "opentelemetry", "opentelemetry.trace"  # the first is a namespace: parts of it may be there
    sentence = "OpenTelemetry needs its extra: pip install 'gatepass[otel]'"
    raise missing_extra(missing, *needed, sentence=sentence) from None


def otel_layer(tracer: Tracer | None = None) -> Layer:
    """Return the layer; put it outermost. `tracer`: by default one of the global provider."""
    used = tracer or get_tracer("gatepass.client")

    def layer(call: Call, next_layer: Next) -> Flow:
        facts = facts_of(call)
        attributes = {
            "http.request.method": facts["method"],
            "server.address": call.request.url.host,
            "url.path": facts["path"],
        }
        # Exceptions are recorded by type alone: an application may have put secrets into their texts.
        with used.start_as_current_span(
            str(facts["method"]),
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                response = yield from next_layer(call)
            except BaseException as error:
                span.set_attribute("error.type", type(error).__qualname__)
                span.set_status(Status(StatusCode.ERROR))
                _close(span, call)
                raise
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= 400:
                span.set_attribute("error.type", str(response.status_code))
                span.set_status(Status(StatusCode.ERROR))
            _close(span, call)
            return response

    return layer


def _close(span: Span, call: Call) -> None:
    if call.attempts > 1:
        span.add_event("retry", {"http.request.resend_count": call.attempts - 1})
        span.set_attribute("http.request.resend_count", call.attempts - 1)
    if call.refreshed:
        span.add_event("refresh")
    span.set_attribute("gatepass.refreshed", call.refreshed)
