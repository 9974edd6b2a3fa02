"""Calls in the real Sentry SDK, with a transport of ours."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from gatepass.client import Client
from gatepass.client.layers.retry import Budget, Retry
from gatepass.client.layers.sentry import sentry_layer
from tests.client.fake_api import URL, Api, signed_in


class Kept(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        for item in envelope.items:
            if item.payload.json is not None:
                self.items.append(item.payload.json)


@pytest.fixture
def kept() -> Iterator[Kept]:
    transport = Kept()
    sentry_sdk.init(
        dsn="https://public@sentry.invalid/1",
        transport=transport,
        traces_sample_rate=1.0,
        default_integrations=False,
        auto_enabling_integrations=False,
    )
    with sentry_sdk.isolation_scope():
        yield transport
    sentry_sdk.get_global_scope().set_client(None)


def client(api: Api, **arguments: Any) -> Client:
    made = api.client(**arguments)
    made.layers = [sentry_layer(), *made.layers]
    return made


def test_a_call_is_a_span_and_a_breadcrumb_with_attempts_and_refresh_and_no_secret(kept: Kept) -> None:
    api = Api()
    failures = [503]
    api.answering = lambda _request: httpx2.Response(failures.pop()) if failures else None
    made = client(api, storage=signed_in(expired=True), retry=Retry(budget=Budget()).without_wait())
    with sentry_sdk.start_transaction(name="job"):
        made.get("/orders?token=canary-query", headers={"X-Key": "canary-header"})
        sentry_sdk.capture_message("look")
    event, transaction = kept.items
    (crumb,) = [crumb for crumb in event["breadcrumbs"]["values"] if crumb["category"] == "gatepass.call"]
    assert (crumb["data"]["path"], crumb["data"]["outcome"], crumb["data"]["attempts"]) == ("/orders", 200, 2)
    assert crumb["data"]["refreshed"] is True
    (span,) = transaction["spans"]
    assert (span["op"], span["description"]) == ("http.client", "GET api.example.com/orders")
    assert span["data"]["http.request.resend_count"] == 1
    assert span["data"]["gatepass.refreshed"] is True
    text = str(kept.items)
    for secret in ("canary", "ey.0", "ey.1", "gp_rt"):
        assert secret not in text


def test_a_call_without_an_answer_is_told_by_the_kind_of_its_error(kept: Kept) -> None:
    def lose(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("canary", request=request)

    made = Client(URL, transport=httpx2.MockTransport(lose))
    made.layers = [sentry_layer(), *made.layers]
    with sentry_sdk.start_transaction(name="job"), pytest.raises(httpx2.ConnectError):
        made.get("/")
    sentry_sdk.capture_message("look")
    crumbs = [item for item in kept.items if "breadcrumbs" in item][-1]["breadcrumbs"]["values"]
    own = [crumb for crumb in crumbs if crumb["category"] == "gatepass.call"]
    assert [(crumb["data"]["outcome"], crumb["level"]) for crumb in own] == [("ConnectError", "error")]


def test_without_sentry_it_does_nothing() -> None:
    sentinel = object()
    assert sentry_layer()(object(), lambda _call: sentinel) is sentinel  # type: ignore[arg-type, return-value]
