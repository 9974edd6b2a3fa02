"""WebSockets in Django Channels' idiom, with its own test client (PROTOCOL §10)."""

import json
import sys
import types
from collections.abc import AsyncIterator

import pytest

from tests.guards import django_project  # configures Django: before all that needs it

# channels.testing imports a server with all of Twisted, for another of its classes.
sys.modules.setdefault("daphne.testing", types.SimpleNamespace(DaphneProcess=None))  # type: ignore[arg-type]

# isort: split
# ruff: noqa: E402
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.testing import WebsocketCommunicator

from gatepass.guards.django import channels as channels_guard
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import GateHarness, open_gate


class Chat(AsyncWebsocketConsumer):
    """Says whose session it is, and how it ended."""

    codes: list[int] = []  # noqa: RUF012

    async def connect(self) -> None:
        await self.accept()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        newest = channels_guard.current_principal(self.scope)
        await self.send(text_data=f"{self.scope['principal'].session_id} {newest.session_id}")

    async def disconnect(self, code: int) -> None:
        self.codes.append(code)


class TestChannels:
    @pytest.fixture
    async def at(self) -> AsyncIterator[GateHarness]:
        async with open_gate() as at:
            django_project.use(at.gate)
            yield at

    async def test_a_consumer_knows_its_caller_and_is_closed_with_the_session(self, at: GateHarness) -> None:
        ann = Browser(at.gate.asgi)
        await ann.register()
        inside = channels_guard.LiveGuard(Chat.as_asgi())
        with_header = WebsocketCommunicator(inside, "/chat", headers=[(b"authorization", ann.bearer[1].encode())])
        by_message = WebsocketCommunicator(inside, "/chat", headers=[(b"origin", ORIGIN.encode())])
        by_protocol = WebsocketCommunicator(inside, "/chat", subprotocols=["gatepass", ann.access_token])
        for socket in (with_header, by_message, by_protocol):
            assert (await socket.connect(timeout=60))[0] is True
        await by_message.send_to(text_data=json.dumps({"type": "gatepass", "access_token": ann.access_token}))
        assert json.loads(await by_message.receive_from(timeout=60))["session_id"] == ann.sid
        for socket in (with_header, by_message, by_protocol):
            await socket.send_to(text_data="who am I?")
            assert await socket.receive_from(timeout=60) == f"{ann.sid} {ann.sid}"
        await ann.logout()
        for socket in (with_header, by_message, by_protocol):
            assert (await socket.receive_output(timeout=60))["code"] == 4403
            await socket.wait(timeout=60)
        assert Chat.codes == [4403] * 3

    async def test_a_missing_scope_and_a_page_of_elsewhere_do_not_reach_the_consumer(self, at: GateHarness) -> None:
        ann = Browser(at.gate.asgi)
        await ann.register()
        bearer = (b"authorization", ann.bearer[1].encode())
        for guard, headers in (
            (channels_guard.LiveGuard(Chat.as_asgi(), "chat"), [bearer]),
            (channels_guard.LiveGuard(Chat.as_asgi()), [bearer, (b"origin", b"https://evil.example")]),
        ):
            socket = WebsocketCommunicator(guard, "/chat", headers=headers)
            assert (await socket.connect(timeout=60))[0] is False
