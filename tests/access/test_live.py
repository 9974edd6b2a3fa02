"""WebSockets under the guard: who is let in, how a token is renewed, and what closes a socket (PROTOCOL §10)."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gatepass.access import asgi, asgi_guard
from gatepass.access.check import Check
from gatepass.access.claims_marks import ClaimsMarks
from gatepass.access.live import LiveConnections, LiveLimits
from gatepass.access.live_socket import MAX_INBOX, SocketClosed, admit, socket_of
from gatepass.access.live_wire import MAX_TOKEN_MESSAGE
from gatepass.core.claims import Tokens
from gatepass.wire.asgi import ASGIApp, Receive, Scope, Send
from gatepass.wire.browsers import Browsers
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.live import Socket, opened
from tests.support.websocket import websocket_scope
from tools.services.patience import becomes

FOREIGN = "https://app.example"


class Echo:
    """An application that lets its caller in, repeats what it is told, and notes what happened to it."""

    def __init__(self, *scopes: str, chooses: str | None = None, max_age: int | None = None) -> None:
        self.scopes, self.chooses, self.max_age = scopes, chooses, max_age
        self.seen: list[Scope] = []
        self.heard: list[str] = []
        self.left: list[tuple[int, str]] = []
        self.callers: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope)
        principal = await admit(scope, *self.scopes, max_age=self.max_age)
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept", "subprotocol": self.chooses})
        await send({"type": "websocket.send", "text": f"hello {principal.account_id}"})
        while (message := await receive())["type"] == "websocket.receive":
            self.heard.append(message["text"])
            self.callers.append(asgi.current_principal(scope).token_id)
            await send({"type": "websocket.send", "text": message["text"]})
        self.left.append((message["code"], message["reason"]))


class Stage:
    """A gate, ann who has signed in there, and an Echo behind the guard."""

    def __init__(self, at: GateHarness, ann: Browser, echo: Echo) -> None:
        self.at, self.ann, self.echo = at, ann, echo
        self.app: ASGIApp = at.gate.guard(echo)

    @property
    def live(self) -> LiveConnections:
        return self.at.gate.live

    @contextlib.asynccontextmanager
    async def inside(self) -> AsyncIterator[Socket]:
        """A socket of ann that was let in by a first message."""
        async with opened(self.app, headers=[("origin", ORIGIN)]) as socket:
            socket.show(self.ann.access_token)
            for _ in range(3):  # accepted, the guard's answer, hello
                await socket.hear()
            yield socket


@contextlib.asynccontextmanager
async def stage(echo: Echo | None = None, **options: Any) -> AsyncIterator[Stage]:
    async with open_gate(**options) as at:
        ann = Browser(at.gate.asgi)
        assert (await ann.register()).status == 201
        yield Stage(at, ann, echo or Echo())


class TestAdmission:
    async def test_a_first_message_lets_the_caller_in_and_never_reaches_the_application(self) -> None:
        async with stage() as on, opened(on.app, headers=[("origin", ORIGIN)]) as socket:
            assert (await socket.hear())["type"] == "websocket.accept"
            socket.show(on.ann.access_token)
            assert await socket.hear_json() == {"type": "gatepass", "session_id": on.ann.sid, "expires_in": 900}
            assert (await socket.hear())["text"].startswith("hello ")
            socket.say("one")
            assert (await socket.hear())["text"] == "one"
            assert on.echo.heard == ["one"]
            assert [each["type"] for each in socket.sent].count("websocket.accept") == 1

    async def test_a_sub_protocol_lets_the_caller_in_and_is_answered(self) -> None:
        async with stage() as on, opened(on.app, subprotocols=["gatepass", on.ann.access_token]) as socket:
            assert (await socket.hear())["subprotocol"] == "gatepass"
            assert (await socket.hear())["text"].startswith("hello ")
            (scope,) = on.echo.seen
            assert on.ann.access_token not in repr(scope)
            assert (scope["subprotocols"], [name for name, _ in scope["headers"]]) == ([], [])

    async def test_a_sub_protocol_of_the_application_is_still_negotiated(self) -> None:
        offered = ["chat.v1", "gatepass", "TOKEN", "chat.v2"]
        async with stage(Echo(chooses="chat.v2")) as on:
            offered[2] = on.ann.access_token
            async with opened(on.app, subprotocols=offered) as socket:
                assert (await socket.hear())["subprotocol"] == "chat.v2"
                (scope,) = on.echo.seen
                assert scope["subprotocols"] == ["chat.v1", "chat.v2"]
                assert dict(scope["headers"])[b"sec-websocket-protocol"] == b"chat.v1, chat.v2"

    async def test_a_program_shows_its_token_in_a_header(self) -> None:
        async with stage() as on, opened(on.app, headers=[on.ann.bearer]) as socket:
            assert (await socket.hear())["type"] == "websocket.accept"
            assert (await socket.hear())["text"].startswith("hello ")

    @pytest.mark.parametrize("first", ["hello?", '{"type":"gatepass"}', '{"type":"gatepass","access_token":"x"}', "[]"])
    async def test_any_other_first_message_is_4401(self, first: str) -> None:
        async with stage() as on, opened(on.app) as socket:
            socket.say(first)
            assert (await socket.closed())[0] == 4401
        assert (on.echo.heard, on.live.count, on.live.waiting) == ([], 0, 0)

    async def test_a_first_message_beyond_the_bound_is_1009(self) -> None:
        async with stage() as on, opened(on.app) as socket:
            socket.say("x" * (MAX_TOKEN_MESSAGE + 1))
            assert await socket.closed() == (1009, "body-too-large")

    async def test_a_socket_that_says_nothing_is_closed_in_time(self) -> None:
        async with stage() as on:
            on.live.limits = LiveLimits(admission=0)
            async with opened(on.app) as socket:
                assert await socket.closed() == (4401, "token-required")

    async def test_sockets_that_wait_are_counted_and_bounded(self) -> None:
        async with stage() as on:
            on.live.limits = LiveLimits(waiting=1)
            async with opened(on.app) as first:
                assert (await first.hear())["type"] == "websocket.accept"
                async with opened(on.app, extensions=["websocket.http.response"]) as second:
                    refusal = await second.hear()
                    assert (refusal["type"], refusal["status"]) == ("websocket.http.response.start", 503)
                async with opened(on.app, headers=[on.ann.bearer]) as third:
                    assert (await third.hear())["type"] == "websocket.accept"
            assert on.live.waiting == 0

    async def test_one_that_leaves_while_it_waits_is_forgotten(self) -> None:
        async with stage() as on, opened(on.app) as socket:
            await socket.hear()
            socket.leave()
            await becomes(lambda: on.live.waiting == 0)
        assert [each["type"] for each in socket.sent] == ["websocket.accept"]

    async def test_the_session_that_ended_is_4403_also_at_the_door(self) -> None:
        async with stage() as on:
            await on.ann.logout()
            async with opened(on.app, subprotocols=["gatepass", on.ann.access_token]) as socket:
                assert await socket.closed() == (4403, "invalid-token")
                assert socket.sent[0]["subprotocol"] == "gatepass"

    async def test_a_header_that_is_refused_is_answered_in_http_where_the_server_can(self) -> None:
        bad = [("authorization", "Bearer x")]
        async with stage() as on:
            async with opened(on.app, headers=bad, extensions=["websocket.http.response"]) as socket:
                assert (await socket.hear())["status"] == 401
            async with opened(on.app, headers=bad) as socket:
                assert await socket.closed() == (1008, "invalid-token")

    async def test_a_missing_scope_is_1008_and_not_the_end_of_the_session(self) -> None:
        async with stage(Echo("notes:read")) as on, opened(on.app) as socket:
            socket.show(on.ann.access_token)
            assert await socket.closed() == (1008, "insufficient-scope")
        assert on.live.count == 0

    async def test_a_sign_in_too_long_ago_is_1008(self) -> None:
        async with stage(Echo(max_age=60)) as on:
            on.at.clock.advance(61)
            async with opened(on.app) as socket:
                socket.show(on.ann.access_token)
                assert await socket.closed() == (1008, "insufficient-user-authentication")

    async def test_required_lets_nothing_pass_before_the_first_message(self) -> None:
        async with stage() as on:
            app = on.at.gate.guard(on.echo, required=True)
            async with opened(app) as socket:
                assert (await socket.hear())["type"] == "websocket.accept"
                assert on.echo.seen == []
                socket.show(on.ann.access_token)
                assert (await socket.hear_json())["session_id"] == on.ann.sid
                assert (await socket.hear())["text"].startswith("hello ")

    async def test_what_the_application_chose_too_late_is_said_once(self, caplog: pytest.LogCaptureFixture) -> None:
        async with stage(Echo(chooses="chat.v1")) as on:
            with caplog.at_level(logging.WARNING, "gatepass.live"):
                for _ in range(2):
                    async with on.inside():
                        pass
            assert [record.name for record in caplog.records].count("gatepass.live") == 1


class TestOrigin:
    @pytest.mark.parametrize(
        ("headers", "may"),
        [
            ([("origin", ORIGIN)], True),
            ([("origin", FOREIGN)], True),
            ([], True),  # no browser
            ([("origin", "https://evil.example")], False),
            ([("origin", "null")], False),
            ([("origin", "https://evil.example"), ("origin", ORIGIN)], False),
            ([("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")], False),
        ],
    )
    async def test_only_pages_of_the_allow_list_may_open_one(self, headers: list[tuple[str, str]], may: bool) -> None:
        async with stage(browsers=Browsers(origins=[FOREIGN])) as on:
            async with opened(on.app, headers=[*headers, on.ann.bearer]) as socket:
                first = await socket.hear()
            assert (first["type"] == "websocket.accept") is may
            if not may:
                assert (first["type"], first["reason"]) == ("websocket.close", "cross-site")

    async def test_a_page_of_elsewhere_is_not_even_asked_for_a_token(self) -> None:
        async with stage() as on, opened(on.app, headers=[("origin", "https://evil.example")]) as socket:
            assert (await socket.hear())["type"] == "websocket.close"
            assert on.live.waiting == 0


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


async def test_a_route_that_only_asks_who_calls_has_a_live_socket_too() -> None:
    async def asks(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        asgi.current_principal(scope)
        await send({"type": "websocket.accept"})
        await receive()

    async with stage() as on:
        for shown in ({"headers": [on.ann.bearer]}, {"subprotocols": ["gatepass", on.ann.access_token]}):
            async with opened(on.at.gate.guard(asks), **shown) as socket:
                assert (await socket.hear())["type"] == "websocket.accept"
                assert on.live.count == 1
        async with opened(on.at.gate.guard(asks)) as socket:
            assert await socket.closed() == (1008, "token-required")
        async with opened(on.at.gate.guard(asks), headers=[on.ann.bearer, ("origin", "https://x.example")]) as socket:
            assert await socket.closed() == (1008, "cross-site")
        async with opened(on.at.gate.guard(asks), headers=[on.ann.bearer]) as socket:
            await socket.hear()
            await on.ann.logout()
            assert (await socket.closed())[0] == 4403


async def test_a_socket_that_no_route_asks_about_is_passed_through() -> None:
    async def open_to_all(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        message = await receive()
        await send({"type": "websocket.send", "text": message["text"]})

    async with stage() as on, opened(on.at.gate.guard(open_to_all), headers=[("origin", "https://x.example")]) as it:
        it.show(on.ann.access_token)
        assert (await it.hear())["type"] == "websocket.accept"
        assert json.loads((await it.hear())["text"])["type"] == "gatepass"
        assert on.live.count == 0


async def test_a_link_in_its_address_opens_none_and_is_in_no_log_of_the_server() -> None:
    seen: list[bytes] = []

    async def looks(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["query_string"])
        await admit(scope)

    async with stage() as on:
        principal = on.at.gate.check.principal([on.ann.bearer[1]])
        _, _, link = on.at.gate.link(principal, "/ws?room=1").partition("?")
        scope = {**websocket_scope("/ws"), "query_string": link.encode()}
        socket = Socket()
        socket.leave()
        await on.at.gate.guard(looks)(scope, socket.receive, socket.send)
        assert (seen, scope["query_string"]) == ([b"room=1"], b"room=1")
