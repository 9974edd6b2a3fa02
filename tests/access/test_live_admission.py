"""WebSockets under the guard: who is let in, from which pages, and a route that asks nothing (PROTOCOL §10)."""

import json
import logging

import pytest

from gatepass.access import asgi
from gatepass.access.live import LiveLimits
from gatepass.access.live_socket import admit
from gatepass.access.live_wire import MAX_TOKEN_MESSAGE
from gatepass.wire.asgi import Receive, Scope, Send
from gatepass.wire.browsers import Browsers
from tests.access.sockets import Echo, stage
from tests.support.browser import ORIGIN
from tests.support.live import Socket, opened
from tests.support.websocket import websocket_scope
from tools.services.patience import becomes

FOREIGN = "https://app.example"


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
