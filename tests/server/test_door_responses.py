"""Sign-ins by the application: users of its own, requests without a guard, and responses of any framework."""

import asyncio
import gc
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from typing import Any

import pytest

from gatepass import AuthenticatedUser, RequestFacts
from gatepass.core.event import CookiesLost, SessionRevoked
from gatepass.errors import SignInRefused
from gatepass.server.door.any_response import EncodedCookie, put_headers, put_morsels
from tests.support.browser import EMAIL, Browser
from tests.support.door import principal_of, scope_of
from tests.support.gates import GateHarness, open_gate
from tools.services.patience import becomes


@pytest.fixture
def account(at: GateHarness, ann: Browser) -> str:
    (found,) = at.memory._accounts
    return found


class Directory:
    async def authenticate(self, email: str, password: str, _request: RequestFacts) -> AuthenticatedUser | None:
        return None

    async def find(self, user_id: str) -> AuthenticatedUser | None:
        return AuthenticatedUser("7", EMAIL, "2") if user_id == "7" else None


class TestUsersOfTheApplication:
    @pytest.fixture
    async def at(self) -> AsyncIterator[GateHarness]:
        async with open_gate(users=Directory()) as at:
            yield at

    async def test_a_user_signs_in_for_the_first_time_and_a_new_version_ends_what_was_before(
        self, at: GateHarness
    ) -> None:
        first = await at.gate.sign_in(scope_of(), AuthenticatedUser("7", EMAIL, "1"), methods=("fed",))
        assert (first.account.id, first.account.email) == ("7", EMAIL)
        again = await at.gate.sign_in(scope_of(), AuthenticatedUser("7", EMAIL, "2"), methods=("fed",))
        ended = [event for event in at.events if isinstance(event, SessionRevoked)]
        assert [event.sid for event in ended] == [first.session_id]
        assert principal_of(at, again).account_id == "7"
        assert await at.gate.sign_in(scope_of(), "7", methods=("fed",)), "by its id too, for which they are asked"

    async def test_a_disabled_one_stays_out(self, at: GateHarness) -> None:
        await at.gate.sign_in(scope_of(), AuthenticatedUser("7", EMAIL), methods=("fed",))
        await at.gate.accounts.disable("7")
        with pytest.raises(SignInRefused):
            await at.gate.sign_in(scope_of(), AuthenticatedUser("7", EMAIL), methods=("fed",))


async def test_a_user_of_the_application_is_for_a_gate_that_has_such(at: GateHarness) -> None:
    with pytest.raises(ValueError, match="`users`"):
        await at.gate.sign_in(scope_of(), AuthenticatedUser("7", EMAIL), methods=("fed",))


class TestWithoutAGuard:
    async def test_cookies_that_were_put_onto_nothing_are_told_when_they_are_gone(
        self, at: GateHarness, account: str
    ) -> None:
        await at.gate.sign_in(scope_of(), account, methods=("fed",))
        gc.collect()
        await becomes(lambda: at.named("session_cookies_lost"), "the event")
        (event,) = at.named("session_cookies_lost")
        assert isinstance(event, CookiesLost)
        assert event.fix.startswith("Return signed_in.onto(response)")

    async def test_what_was_put_onto_a_response_is_not(self, at: GateHarness, account: str) -> None:
        first = await at.gate.sign_in(scope_of(), account, methods=("fed",))
        second = await at.gate.sign_in(scope_of(), account, methods=("fed",))
        put: list[tuple[str, str]] = []
        assert second.onto(put) is put
        assert len(first.headers) == len(put) == 3
        del first, second
        gc.collect()
        await asyncio.sleep(0)  # the loop's turn, in which an event would be told
        assert at.named("session_cookies_lost") == []


PAIRS = [("cache-control", "no-store"), ("set-cookie", "a=1; Path=/"), ("set-cookie", "a=2; Path=/b")]


class TestResponses:
    def test_the_headers_of_start_response(self) -> None:
        headers = [("Cache-Control", "public"), ("Set-Cookie", "own=1")]
        put_headers(headers, PAIRS)
        assert headers == [
            ("Set-Cookie", "own=1"),
            ("Cache-Control", "no-store"),
            ("Set-Cookie", "a=1; Path=/"),
            ("Set-Cookie", "a=2; Path=/b"),
        ]

    def test_the_message_of_an_asgi_application(self) -> None:
        message: dict[str, Any] = {"type": "http.response.start", "status": 200}
        put_headers(message, PAIRS)
        assert message["headers"] == [
            (b"cache-control", b"no-store"),
            (b"set-cookie", b"a=1; Path=/"),
            (b"set-cookie", b"a=2; Path=/b"),
        ]

    def test_a_cookie_of_litestar_is_one_header(self) -> None:
        assert EncodedCookie("a=1; Path=/").to_encoded_header() == (b"set-cookie", b"a=1; Path=/")

    def test_two_cookies_of_one_name_and_the_same_one_twice_among_those_of_the_standard_library(self) -> None:
        """Django keeps cookies by name: one of an earlier COOKIE_PATH would take the place of the new one."""
        cookies: SimpleCookie = SimpleCookie()
        cookies["own"] = "1"
        for _ in range(2):
            put_morsels(cookies, ["a=1; Path=/", "a=; Path=/b; Max-Age=0"])
        sent = [morsel.OutputString() for morsel in cookies.values()]
        assert sent == ["own=1", "a=1; Path=/", "a=; Path=/b; Max-Age=0"]

    @pytest.mark.parametrize("response", [None, "text", ("body", 200), {}, {"access_token": "x"}, 7])
    def test_what_is_no_response_is_told_what_to_make(self, response: object) -> None:
        with pytest.raises(TypeError, match="onto takes the response of the framework"):
            put_headers(response, PAIRS)
