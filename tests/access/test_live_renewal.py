"""A WebSocket stays open as long as its tokens: renewed in band, run out, made stale by new claims (PROTOCOL §10)."""

import asyncio
from typing import Any

from gatepass.access.live_socket import MAX_INBOX, admit
from gatepass.core.claims import Tokens
from gatepass.wire.asgi import Receive, Scope, Send
from tests.access.sockets import stage
from tests.support.browser import Browser
from tests.support.live import opened
from tools.services.patience import becomes


class TestRenewal:
    async def test_a_newer_token_is_taken_in_band_and_the_application_sees_it(self) -> None:
        async with stage() as on, on.inside() as socket:
            first = on.ann.access_token
            on.at.clock.advance(600)
            await on.ann.refresh()
            socket.show(on.ann.access_token)
            assert await socket.hear_json() == {"type": "gatepass", "session_id": on.ann.sid, "expires_in": 900}
            on.at.clock.advance(600)
            on.live.look()
            socket.say("still here")
            assert (await socket.hear())["text"] == "still here"
            newest = on.at.gate.check.principal([f"Bearer {on.ann.access_token}"])
            assert on.echo.callers == [newest.token_id]
            assert first != on.ann.access_token

    async def test_a_refresh_closes_nothing(self) -> None:
        async with stage() as on, on.inside() as socket:
            for _ in range(3):
                assert (await on.ann.refresh()).status == 200
            on.live.look()
            socket.say("x")
            assert (await socket.hear())["text"] == "x"

    async def test_an_older_token_changes_nothing(self) -> None:
        async with stage() as on:
            older = on.ann.access_token
            on.at.clock.advance(60)
            await on.ann.refresh()
            async with on.inside() as socket:
                socket.show(older)
                assert (await socket.hear_json())["expires_in"] == 900

    async def test_a_token_of_another_session_closes_with_4401(self) -> None:
        async with stage() as on, on.inside() as socket:
            again = Browser(on.at.gate.asgi)
            await again.login()
            socket.show(again.access_token)
            assert await socket.closed() == (4401, "session-mismatch")

    async def test_tokens_are_not_taken_without_end(self) -> None:
        async with stage() as on, on.inside() as socket:
            for _ in range(31):
                socket.show(on.ann.access_token)
            assert await socket.closed() == (1008, "too-many-tokens")

    async def test_a_token_is_found_where_the_application_only_speaks(self) -> None:
        async def speaker(scope: Scope, receive: Receive, send: Send) -> None:
            await admit(scope)
            await receive()
            await send({"type": "websocket.accept"})
            await done.wait()

        async with stage() as on:
            done = asyncio.Event()
            async with opened(on.at.gate.guard(speaker), headers=[on.ann.bearer]) as socket:
                await socket.hear()
                socket.show(on.ann.access_token)
                assert (await socket.hear_json())["expires_in"] == 900
                done.set()

    async def test_an_application_that_does_not_read_is_read_ahead_of_by_a_bound(self) -> None:
        async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
            await admit(scope)
            await send({"type": "websocket.accept"})
            await done.wait()

        async with stage() as on:
            done = asyncio.Event()
            async with opened(on.at.gate.guard(deaf), headers=[on.ann.bearer]) as socket:
                await socket.hear()
                for _ in range(3 * MAX_INBOX):
                    socket.say("x")
                await becomes(lambda: socket._in.qsize() <= 2 * MAX_INBOX + 1)
                for _ in range(10):
                    await asyncio.sleep(0)
                assert socket._in.qsize() >= 2 * MAX_INBOX - 1
                done.set()


class TestRunningOut:
    async def test_a_socket_is_closed_with_4401_after_the_grace_and_not_before(self) -> None:
        async with stage() as on, on.inside() as socket:
            on.at.clock.advance(904)  # the skew
            on.live.look()
            assert on.live.count == 1
            on.at.clock.advance(1)
            on.live.look()
            assert (await socket.hear_json())["expires_in"] == 0
            on.at.clock.advance(9)
            on.live.look()
            assert on.live.count == 1
            on.at.clock.advance(1)
            on.live.look()
            assert await socket.closed() == (4401, "invalid-token")
        assert on.echo.left == [(4401, "invalid-token")]

    async def test_what_the_client_says_meanwhile_waits_for_the_newer_token(self) -> None:
        async with stage() as on, on.inside() as socket:
            on.at.clock.advance(905)
            on.live.look()
            assert (await socket.hear_json())["expires_in"] == 0
            socket.say("late")
            await on.ann.refresh()
            assert on.echo.heard == []
            socket.show(on.ann.access_token)
            assert (await socket.hear_json())["expires_in"] == 900
            assert (await socket.hear())["text"] == "late"

    async def test_the_clock_may_be_set_back(self) -> None:
        async with stage() as on, on.inside() as socket:
            on.at.clock.advance(905)
            on.live.look()
            assert (await socket.hear_json())["expires_in"] == 0
            on.at.clock.advance(-3600)
            on.live.look()
            socket.say("x")
            assert (await socket.hear())["text"] == "x"


class TestChangedClaims:
    async def test_stale_claims_ask_for_a_newer_token_and_hold_what_the_client_says(self) -> None:
        role = {"role": "admin"}

        async def claims(*_: Any) -> dict[str, str]:
            return dict(role)

        async with stage(tokens=Tokens(claims=claims)) as on, on.inside() as socket:
            account = on.at.gate.check.principal([f"Bearer {on.ann.access_token}"]).account_id
            role["role"] = "guest"
            await on.at.gate.refresh_claims(account)
            assert (await socket.hear_json())["expires_in"] == 0
            socket.say("as an administrator")
            socket.show(on.ann.access_token)
            assert (await socket.hear_json())["expires_in"] == 0
            assert on.echo.heard == []
            await on.ann.refresh()
            socket.show(on.ann.access_token)
            assert (await socket.hear_json())["expires_in"] == 900
            assert (await socket.hear())["text"] == "as an administrator"

    async def test_without_a_newer_token_it_is_4401_since_nobody_is_signed_out(self) -> None:
        async with stage() as on, on.inside() as socket:
            account = on.at.gate.check.principal([f"Bearer {on.ann.access_token}"]).account_id
            await on.at.gate.refresh_claims(account)
            assert (await socket.hear_json())["expires_in"] == 0
            on.at.clock.advance(10)
            on.live.look()
            assert (await socket.closed())[0] == 4401

    async def test_other_accounts_go_on(self) -> None:
        async with stage() as on:
            bob = Browser(on.at.gate.asgi)
            await bob.register("bob@example.com")
            account = on.at.gate.check.principal([f"Bearer {bob.access_token}"]).account_id
            async with on.inside() as socket:
                await on.at.gate.refresh_claims(account)
                socket.say("x")
                assert (await socket.hear())["text"] == "x"
