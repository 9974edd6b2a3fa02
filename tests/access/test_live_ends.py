"""What ends a WebSocket from outside, what its route sees of that, and what is written down (PROTOCOL §10)."""

import asyncio
import json
import logging
from typing import Any

import pytest

from gatepass.access import asgi_guard
from gatepass.access.check import Check
from gatepass.access.claims_marks import ClaimsMarks
from gatepass.access.live import LiveConnections
from gatepass.access.live_socket import SocketClosed, admit, socket_of
from gatepass.wire.asgi import ASGIApp, Receive, Scope, Send
from tests.access.sockets import stage
from tests.support.browser import Browser
from tests.support.live import opened
from tools.services.patience import becomes


class TestTheEnd:
    async def test_a_sign_out_closes_every_socket_of_the_session_and_no_other(self) -> None:
        async with stage() as on:
            bob = Browser(on.at.gate.asgi)
            await bob.register("bob@example.com")
            async with on.inside() as first, on.inside() as second, opened(on.app, headers=[bob.bearer]) as other:
                await other.hear()
                await other.hear()
                await on.ann.logout()
                assert [await first.closed(), await second.closed()] == [(4403, "session-ended")] * 2
                other.say("x")
                assert (await other.hear())["text"] == "x"
                assert on.live.count == 1
            assert on.echo.left[:2] == [(4403, "session-ended")] * 2
        assert on.live.count == 0

    async def test_an_application_that_only_speaks_learns_of_it_by_speaking(self) -> None:
        said: list[type[BaseException]] = []

        async def speaker(scope: Scope, receive: Receive, send: Send) -> None:
            await admit(scope)
            await send({"type": "websocket.accept"})
            await on.ann.logout()
            await becomes(lambda: on.live.count == 0)
            try:
                await send({"type": "websocket.send", "text": "secret"})
            except OSError as closed:
                said.append(type(closed))
                raise

        async with stage() as on, opened(on.at.gate.guard(speaker), headers=[on.ann.bearer]) as socket:
            assert (await socket.closed())[0] == 4403
        assert said == [SocketClosed]
        assert "secret" not in repr(socket.sent)

    async def test_a_disabled_account_closes_it_too(self) -> None:
        async with stage() as on, on.inside() as socket:
            account = on.at.gate.check.principal([f"Bearer {on.ann.access_token}"]).account_id
            await on.at.gate.administration.disable_account(account, by="test")
            assert (await socket.closed())[0] == 4403

    async def test_an_epoch_that_is_raised_closes_all_that_are_older(self) -> None:
        async with stage() as on, on.inside() as socket:
            on.at.gate.revocations.raise_epoch(on.at.clock.now() + 1)
            assert await socket.closed() == (4403, "session-ended")

    async def test_a_session_that_ends_between_the_check_and_the_registration_is_not_missed(self) -> None:
        async with stage() as on:
            add = on.live.add

            def end_then_add(connection: Any) -> None:
                on.at.gate.revocations.publish([bytes.fromhex(on.ann.sid)])
                add(connection)

            on.live.add = end_then_add  # type: ignore[method-assign]
            async with opened(on.app) as socket:
                socket.show(on.ann.access_token)
                assert (await socket.closed())[0] == 4403
            assert on.live.count == 0

    async def test_a_guard_that_lost_its_feed_closes_with_1013_and_lets_nobody_in(self) -> None:
        async with stage() as on:
            async with on.inside() as socket:
                on.at.gate.revocations._max_age = 0.0
                on.live.look()
                assert await socket.closed() == (1013, "out-of-touch")
            async with opened(on.app) as socket:
                socket.show(on.ann.access_token)
                assert await socket.closed() == (1013, "out-of-touch")

    async def test_a_socket_costs_nothing_after_its_end(self) -> None:
        async with stage() as on:
            before = len(asyncio.all_tasks())
            for _ in range(3):
                async with on.inside():
                    pass
            await becomes(lambda: len(asyncio.all_tasks()) <= before)
            assert on.live.count == 0


class TestOtherFeeds:
    async def test_an_end_that_is_heard_on_another_thread_closes_too(self) -> None:
        async with stage() as on, on.inside() as socket:
            ended = [bytes.fromhex(on.ann.sid)]
            await asyncio.to_thread(on.at.gate.revocations.publish, ended)
            assert await socket.closed() == (4403, "session-ended")

    async def test_one_that_says_nothing_is_asked_by_the_next_look(self) -> None:
        class Silent:
            """A RevocationList of the application, without news."""

            def __init__(self) -> None:
                self.marks, self.epoch, self.ended = ClaimsMarks(), 0, False

            def is_revoked(self, _session_id: str) -> bool:
                return self.ended

            def publish(self, sids: Any) -> None:
                raise AssertionError

            def raise_epoch(self, epoch: int) -> None:
                raise AssertionError

        async with stage() as on:
            feed, gate = Silent(), on.at.gate
            check = Check(gate.check._verifier, revocations=feed, clock=on.at.clock)
            live = LiveConnections(check, revocations=feed, clock=on.at.clock)
            app = asgi_guard.Guard(on.echo, check=check, cookies=gate.cookies, live=live)
            async with opened(app, headers=[on.ann.bearer]) as socket:
                await socket.hear()
                feed.ended = True
                live.look()
                assert await socket.closed() == (4403, "session-ended")


class TestWhatTheCloseRaises:
    """An application that the guard has ended, and how it ended then."""

    class WebSocketDisconnect(Exception):
        """As Starlette and Litestar name it."""

    def stumbles(self, *errors: Exception) -> ASGIApp:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await admit(scope)
            await receive()
            await send({"type": "websocket.accept"})
            await receive()
            raise errors[0] if len(errors) == 1 else ExceptionGroup("several tasks", errors)

        return app

    async def test_is_no_fault_of_an_application_with_one_task_or_several(self) -> None:
        async with stage() as on:
            for errors in (
                [SocketClosed()],
                [self.WebSocketDisconnect()],
                [SocketClosed(), self.WebSocketDisconnect()],
            ):
                ann = Browser(on.at.gate.asgi)
                await ann.login()
                async with opened(on.at.gate.guard(self.stumbles(*errors)), headers=[ann.bearer]) as socket:
                    await socket.hear()
                    await ann.logout()
                    assert (await socket.closed())[0] == 4403

    async def test_hides_no_fault(self) -> None:
        async with stage() as on:
            with pytest.raises(ExceptionGroup) as raised:
                async with opened(
                    on.at.gate.guard(self.stumbles(SocketClosed(), ZeroDivisionError())), headers=[on.ann.bearer]
                ) as socket:
                    await socket.hear()
                    await on.ann.logout()
            assert raised.group_contains(ZeroDivisionError)

    async def test_is_another_thing_than_a_client_that_left(self) -> None:
        async with stage() as on:
            with pytest.raises(self.WebSocketDisconnect):
                async with opened(
                    on.at.gate.guard(self.stumbles(self.WebSocketDisconnect())), headers=[on.ann.bearer]
                ) as socket:
                    await socket.hear()


class TestSecrets:
    async def test_no_token_is_in_a_record_or_a_repr(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            async with stage() as on, on.inside() as socket:
                socket.show(on.ann.access_token)
                await socket.hear()
                held = socket_of(on.echo.seen[0])
                assert held is not None
                assert on.ann.access_token not in repr(held)
                assert on.ann.access_token not in repr(on.echo.seen)
        assert on.ann.access_token not in caplog.text
        assert on.ann.access_token not in json.dumps(socket.sent)
