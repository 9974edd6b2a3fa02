"""Reports calls to Sentry: a breadcrumb for each, and within a transaction a span with the number of attempts.

    client.layers = [sentry_layer(), *client.layers]

Sentry's own Httpx2Integration records one span for each attempt, with the whole query. If queries hold secrets, switch
it off (`disabled_integrations=[Httpx2Integration()]`); otherwise this layer's span is the parent of its spans.
"""

from gatepass._extras import missing_extra
from gatepass.client.flow import Call, Flow, Layer, Next
from gatepass.client.layers.call_log import facts_of

try:
    import sentry_sdk
except ModuleNotFoundError as missing:
    sentence = "Sentry needs its extra: pip install 'gatepass[sentry]'"
    raise missing_extra(missing, "sentry_sdk", sentence=sentence) from None

CATEGORY = "gatepass.call"


def sentry_layer() -> Layer:
    """Return the layer; put it outermost. It uses the current Sentry client; without an active one it does nothing."""

    def layer(call: Call, next_layer: Next) -> Flow:
        if not sentry_sdk.get_client().is_active():
            return next_layer(call)
        return _around(call, next_layer)

    return layer


def _around(call: Call, next_layer: Next) -> Flow:
    facts = facts_of(call)
    name = f"{facts['method']} {facts['host']}{facts['path']}"
    with sentry_sdk.start_span(op="http.client", name=name, origin="auto.http.gatepass") as span:
        try:
            response = yield from next_layer(call)
        except BaseException as error:
            _record(span, call, outcome=type(error).__name__, level="error")
            span.set_status("internal_error")
            raise
        status = response.status_code
        _record(span, call, outcome=status, level="error" if status >= 500 else "warning" if status >= 400 else "info")
        span.set_http_status(status)
        return response


def _record(span: "sentry_sdk.tracing.Span", call: Call, *, outcome: str | int, level: str) -> None:
    facts = facts_of(call)
    span.set_data("http.request.resend_count", max(0, call.attempts - 1))
    span.set_data("gatepass.refreshed", call.refreshed)
    sentry_sdk.add_breadcrumb(category=CATEGORY, type="http", level=level, data={**facts, "outcome": outcome})
