"""Applications start again and again, event loops end: a gate gives back what it changed and opens anew (E1, E2)."""

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from gatepass.errors import ConfigurationError
from gatepass.gate import Gatepass
from gatepass.guards.starlette import current_principal
from gatepass.mail.outbox import Outbox
from gatepass.ports import Message
from gatepass.testing.clock import FastHasher
from tests.guards import apps
from tests.support.asgi import call
from tests.support.browser import ORIGIN, PASSWORD, Browser
from tests.support.gates import SECRET, GateHarness
from tests.support.lifespan import started
from tools.services import valkey
from tools.services.postgres import empty_database


def layers_of(app: Starlette) -> list[str]:
    found, layer = [], app.middleware_stack
    while layer is not None:
        found.append(type(layer).__name__)
        layer = getattr(layer, "app", None) or getattr(layer, "_app", None)
    return found


def test_an_application_that_was_started_a_thousand_times_is_as_it_was() -> None:
    app = apps.fastapi(GateHarness().gate)
    app.add_middleware(GZipMiddleware)
    with TestClient(app) as client:
        assert client.get("/me").status_code == 401
    before = layers_of(app)
    assert "Guard" not in before
    assert "Refusals" not in before

    async def start_again() -> None:
        for _ in range(1000):
            async with app.router.lifespan_context(app):
                pass

    asyncio.run(start_again())
    assert layers_of(app) == before


async def test_of_two_lifespans_at_once_the_last_one_takes_the_guard_away() -> None:
    app = apps.fastapi(GateHarness().gate)
    lifespan = app.router.lifespan_context
    one, other = lifespan(app), lifespan(app)
    await one.__aenter__()
    await other.__aenter__()
    await one.__aexit__(None, None, None)
    assert (await call(app, "GET", "/me")).status == 401  # guarded and open still
    await other.__aexit__(None, None, None)
    assert "Guard" not in layers_of(app)


async def test_a_lifespan_entered_by_hand_guards_as_a_server_does() -> None:
    app = apps.fastapi(GateHarness().gate)
    async with app.router.lifespan_context(app):
        assert (await call(app, "GET", "/me")).status == 401


def test_a_client_without_its_lifespan_is_told_so() -> None:
    app = apps.fastapi(GateHarness().gate)
    with pytest.raises(ConfigurationError, match=r"has not run.*with TestClient\(app\) as client"):
        TestClient(app).get("/me")
    with pytest.raises(ConfigurationError, match=r"No gate guards this application.*lifespan=gate\.lifespan"):
        TestClient(FastAPI(routes=app.routes)).get("/me")


class Mailbox:
    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        self.sent.append(message)


class Late:
    """In place of the random delay: no mail is sent before its loop ends."""

    def uniform(self, _least: float, _most: float) -> float:
        return 600.0


async def ask(app: Any, number: int) -> None:
    """A sign-up, a guarded call, a refresh, and a mail that is accepted."""
    ann = Browser(app, mount="/auth")
    email = f"ann{number}@example.com"
    assert (await ann.register(email)).status == 201
    assert (await call(app, "GET", "/me", headers=[ann.bearer])).status == 200
    assert (await ann.refresh()).status == 200
    header = [("gatepass-client", "1")]
    assert (await ann.send("POST", "/password/forgot", body={"email": email}, headers=header)).status == 202


async def me(request: Request) -> JSONResponse:
    return JSONResponse({"account": current_principal(request).account_id})


def resets(mailbox: Mailbox) -> list[str]:
    return sorted({mail.to for mail in mailbox.sent if "new password" in mail.subject})


def check_loop_after_loop(monkeypatch: pytest.MonkeyPatch, **stores: str) -> None:
    """A gate that opens at its first request, on three event loops in turn, of which none is left in order."""
    monkeypatch.setattr("gatepass.mail.outbox._random", Late())
    mailbox = Mailbox()
    gate = Gatepass(secrets=[SECRET], public_url=ORIGIN, hasher=FastHasher(), mail=mailbox, **stores)  # type: ignore[arg-type]
    app = gate.guard(Starlette(routes=[Route("/me", me), Mount("/auth", gate.asgi)]))
    for number in range(3):
        asyncio.run(ask(app, number))
    assert resets(mailbox) == []
    asyncio.run(gate.close())
    assert resets(mailbox) == [f"ann{number}@example.com" for number in range(3)]


def test_on_another_event_loop_the_gate_opens_again_and_sends_the_mail_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_loop_after_loop(monkeypatch, store="memory://")
    check_loop_after_loop(monkeypatch, store=f"sqlite:///{tmp_path / 'gate.db'}")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_so_it_does_on_postgresql_and_on_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_loop_after_loop(monkeypatch, store=asyncio.run(empty_database()))
    valkey.flush([valkey.shared_server()])
    check_loop_after_loop(
        monkeypatch, store=f"sqlite:///{tmp_path / 'accounts.db'}", sessions=valkey.shared_server().url
    )
    gc.collect()  # the connections of the loops that ended


async def test_a_loop_that_takes_no_work_is_said_to_have_the_gate(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An async test that waits for a sync client: the client's loop has the request, the test's loop has the gate."""
    monkeypatch.setattr("gatepass.server.wsgi.TURN_TIMEOUT", 0.05)
    gate = GateHarness().gate
    async with gate.running():
        client = TestClient(Starlette(routes=[Mount("/auth", gate.asgi)]))
        assert client.post("/auth/refresh", headers={"Gatepass-Client": "1"}).status_code == 500
        assert "takes no work" in caplog.text


def test_two_clients_at_once_may_enter_one_application_and_leave_in_any_order() -> None:
    at = GateHarness()
    app = apps.fastapi(at.gate)

    def is_served(client: TestClient, name: str) -> bool:
        body = {"email": f"{name}@example.com", "password": PASSWORD}
        granted = client.post("/auth/register", json=body, headers={"Gatepass-Client": "1"})
        bearer = {"Authorization": f"Bearer {granted.json()['access_token']}"}
        return client.get("/me", headers=bearer).status_code == 200

    for number in range(2):
        first, second = TestClient(app, base_url=ORIGIN), TestClient(app, base_url=ORIGIN)
        first.__enter__()
        second.__enter__()
        assert is_served(first, f"first{number}")
        assert is_served(second, f"second{number}")
        first.__exit__(None, None, None)
        assert is_served(second, f"third{number}")
        second.__exit__(None, None, None)
    assert "Guard" not in layers_of(app)


def test_the_endpoints_on_a_loop_are_answered_where_sync_code_has_the_gate_open() -> None:
    gate = GateHarness().gate
    gate.sync.open()
    try:
        ann = Browser(gate.asgi)
        assert asyncio.run(ann.register()).status == 201
        assert asyncio.run(ann.refresh()).status == 200
    finally:
        gate.sync.close()


async def test_mail_that_no_time_is_left_for_is_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    at = GateHarness(mail=Mailbox())
    monkeypatch.setattr("gatepass.mail.outbox.CLOSE_TIMEOUT", 0.0)
    async with started(apps.starlette(at.gate)):
        outbox = at.gate.outbox
        assert isinstance(outbox, Outbox)
        never = asyncio.get_running_loop().create_future()

        async def job() -> Message | None:
            await never
            return None

        outbox.put(job)
    (event,) = at.named("sys_mail_failed")
    assert "closed before" in repr(event)


def test_middleware_of_the_application_stays_in_its_place_around_the_guards() -> None:
    at = GateHarness()
    app = Starlette(
        routes=[Route("/me", me), Mount("/auth", at.gate.asgi)],
        lifespan=at.gate.lifespan,
        middleware=[Middleware(GZipMiddleware)],
    )
    for _ in range(3):
        with TestClient(app) as client:
            assert client.get("/me").status_code == 401
            assert layers_of(app).count("GZipMiddleware") == 1
            assert layers_of(app).count("Guard") == 1
