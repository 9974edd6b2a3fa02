"""The stream of revocations where it is not ASGI from end to end: it begins at once, and ends with its reader."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.core.asgi import get_asgi_application

from gatepass.core.keyring import Secrets
from gatepass.gate import Gatepass
from gatepass.wire.asgi import ASGIApp, Message
from tests.guards import django_project
from tests.support.gates import SECRET, GateHarness
from tests.support.wsgi import environ_of
from tools.services.patience import patience

SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "https",
    "path": "/auth/revocations",
    "raw_path": b"/auth/revocations",
    "root_path": "",
    "query_string": b"",
    "headers": [(b"authorization", f"Bearer {SECRET}".encode())],
    "client": ("192.0.2.1", 1),
    "server": ("gate.example", 443),
}


@pytest.fixture
def gate() -> Iterator[Gatepass]:
    """A gate that is open on a thread of its own, as where the first request came by WSGI."""
    made = GateHarness(secrets=Secrets([SECRET], feed=[SECRET])).gate
    django_project.use(made)
    made.wait_until_open()
    yield made
    made.background.stop()


class Reader:
    """A client of the stream, at one end of an ASGI application."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self.leaves = asyncio.Event()
        self.got: asyncio.Queue[Message] = asyncio.Queue()
        self._asks = [{"type": "http.request", "body": b"", "more_body": False}]
        self.running = asyncio.ensure_future(app({**SCOPE, "path": path}, self._receive, self.got.put))

    async def _receive(self) -> Message:
        if self._asks:
            return self._asks.pop()
        await self.leaves.wait()
        return {"type": "http.disconnect"}


async def nobody_listens(gate: Gatepass) -> None:
    async with patience():
        while gate.revocations._listeners:
            await asyncio.sleep(0.01)


def asked_of_the_endpoints(gate: Gatepass) -> tuple[ASGIApp, str]:
    return gate.asgi, "/revocations"


def asked_of_django(gate: Gatepass) -> tuple[ASGIApp, str]:
    return get_asgi_application(), "/auth/revocations"


@pytest.fixture(params=[asked_of_the_endpoints, asked_of_django])
async def reader(gate: Gatepass, request: pytest.FixtureRequest) -> AsyncIterator[Reader]:
    app, path = request.param(gate)
    made = Reader(app, path)
    yield made
    made.leaves.set()
    made.running.cancel()
    await asyncio.wait([made.running])


async def test_events_arrive_as_they_come_and_end_with_their_reader(gate: Gatepass, reader: Reader) -> None:
    async with patience():
        head, first = await reader.got.get(), await reader.got.get()
        assert (head["status"], first["more_body"]) == (200, True)
        assert first["body"].startswith(b"event: caught-up\n")
        gate.revocations.publish([bytes(16)])
        assert (await reader.got.get())["body"].startswith(b"event: revoked\n")
        reader.leaves.set()
        await asyncio.wait([reader.running])
    await nobody_listens(gate)


async def test_a_wsgi_server_that_closes_the_stream_before_it_has_begun_ends_it(gate: Gatepass) -> None:
    environ = environ_of({**SCOPE, "path": "/revocations"}, b"")
    chunks = await asyncio.to_thread(gate.wsgi, environ, lambda *_: None)
    chunks.close()  # type: ignore[attr-defined]
    await nobody_listens(gate)
