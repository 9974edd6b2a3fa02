"""Calls in the real OpenTelemetry SDK, with its exporter in memory."""

from typing import Any

import httpx2
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gatepass.client import AsyncClient, Client
from gatepass.client.layers.otel import otel_layer
from gatepass.client.layers.retry import Budget, Retry
from tests.client.fake_api import URL, Api, signed_in


class Traced:
    """A tracer, and what it has recorded."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("test")

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return tuple(self._exporter.get_finished_spans())

    def on(self, client: Any) -> Any:
        client.layers = [otel_layer(self.tracer), *client.layers]
        return client


def test_a_call_is_one_span_with_its_retries_and_its_refresh_and_no_secret() -> None:
    traced, api = Traced(), Api()
    failures = [503]
    api.answering = lambda _request: httpx2.Response(failures.pop()) if failures else None
    client = api.client(storage=signed_in(expired=True), retry=Retry(budget=Budget()).without_wait())
    traced.on(client).get("/orders?token=canary", headers={"X-Key": "canary"})
    (span,) = traced.spans
    assert (span.name, span.status.is_ok) == ("GET", True)
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "server.address": "api.example.com",
        "url.path": "/orders",
        "http.response.status_code": 200,
        "http.request.resend_count": 1,
        "gatepass.refreshed": True,
    }
    assert [event.name for event in span.events] == ["retry", "refresh"]
    for secret in ("canary", "ey.0", "ey.1", "gp_rt"):
        assert secret not in span.to_json()


def test_a_call_without_an_answer_is_an_error_of_its_kind_without_its_text() -> None:
    def lose(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("canary", request=request)

    traced = Traced()
    with pytest.raises(httpx2.ConnectError):
        traced.on(Client(URL, transport=httpx2.MockTransport(lose))).get("/")
    (span,) = traced.spans
    assert (span.attributes or {})["error.type"] == "ConnectError"
    assert not span.status.is_ok
    assert "canary" not in span.to_json()


async def test_spans_of_an_application_are_above_it_in_an_async_client_too() -> None:
    traced = Traced()
    async with AsyncClient(URL, transport=httpx2.MockTransport(lambda _: httpx2.Response(404))) as client:
        with traced.tracer.start_as_current_span("job") as job:
            await traced.on(client).get("/")
    inner, outer = traced.spans
    assert inner.parent is not None
    assert inner.parent.span_id == job.get_span_context().span_id
    assert (inner.attributes or {})["error.type"] == "404"
    assert outer.name == "job"
