"""The log line of a call: complete, and without a secret."""

import logging

import httpx2
import pytest
import structlog

from gatepass.client import AsyncClient, Client
from gatepass.client.layers.call_log import CallLog
from gatepass.client.layers.retry import Budget, Retry
from tests.client.fake_api import URL, Api, signed_in

NAME = "gatepass.client.calls"


def answer(request: httpx2.Request) -> httpx2.Response:
    if request.url.path == "/lost":
        raise httpx2.ConnectError("lost", request=request)
    return httpx2.Response(int(request.url.params.get("status", "200")))


def client() -> Client:
    return Client("https://ann:pw@api.example.com:8443", transport=httpx2.MockTransport(answer))


def test_a_call_is_one_line_with_its_facts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, NAME)
    client().get("/orders/7?status=204&q=secret")
    (record,) = [record for record in caplog.records if record.name == NAME]
    assert record.getMessage().startswith("GET api.example.com:8443/orders/7 → 204 in ")
    facts = dict(record.gatepass)  # type: ignore[attr-defined]
    assert facts.pop("ms") >= 0
    assert facts == {
        "method": "GET",
        "host": "api.example.com:8443",
        "path": "/orders/7",
        "status": 204,
        "error": None,
        "attempts": 1,
        "refreshed": False,
    }


@pytest.mark.parametrize(("path", "level"), [("/?status=404", "INFO"), ("/?status=503", "WARNING")])
def test_the_level_says_whether_to_worry(path: str, level: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, NAME)
    client().get(path)
    assert [record.levelname for record in caplog.records if record.name == NAME] == [level]


def test_a_call_without_an_answer_is_told_by_the_kind_of_its_error(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(httpx2.ConnectError):
        client().get("/lost")
    assert [record.levelname for record in caplog.records if record.name == NAME] == ["WARNING"]
    assert "/lost → ConnectError in" in caplog.text


def test_attempts_and_a_refresh_are_told_in_the_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, NAME)
    api = Api()
    failures = [503]
    api.answering = lambda _request: httpx2.Response(failures.pop()) if failures else None
    made = api.client(storage=signed_in(expired=True), retry=Retry(budget=Budget()).without_wait())
    made.get("/")
    assert [r.getMessage().partition(" (")[2] for r in caplog.records if r.name == NAME] == ["2 attempts, refreshed)"]


def test_a_path_cannot_forge_a_second_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, NAME)
    client().get("/a%0Ab%1b")
    (record,) = [record for record in caplog.records if record.name == NAME]
    assert "\n" not in record.getMessage()
    assert "/a\\nb\\x1b" in record.getMessage()


def test_who_does_not_listen_pays_nothing() -> None:
    logger = logging.getLogger("quiet")
    logger.setLevel(logging.CRITICAL)
    layer = CallLog(logger)
    sentinel = object()
    assert layer(object(), lambda _call: sentinel) is sentinel  # type: ignore[arg-type, return-value]


async def test_it_is_the_same_for_an_async_client(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, NAME)
    async with AsyncClient(URL, transport=httpx2.MockTransport(answer)) as made:
        await made.get("/x")
    assert "GET api.example.com/x → 200" in caplog.text


def test_structlog_gets_the_facts_by_its_own_formatter() -> None:
    """The recipe of the guide."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.ExtraAdder(["gatepass"]),
            lambda _logger, _name, event: {**event, **event.pop("gatepass", {})},
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
    )
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(formatter.format(record))  # type: ignore[method-assign]
    logger = logging.getLogger("gatepass.client.structured")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    made = Client(URL, transport=httpx2.MockTransport(answer), logger=logger)
    made.get("/x")
    assert '"method": "GET"' in lines[0]
    assert '"status": 200' in lines[0]
