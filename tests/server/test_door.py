"""`gate.sign_in`: what the application vouches for is told, what it may not say is refused, the rest is a sign-in."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from http.cookies import SimpleCookie
from typing import Any

import pytest

from gatepass import AuthenticatedUser, RequestFacts
from gatepass.core.event import CookiesLost, SessionRevoked
from gatepass.core.principal import Principal
from gatepass.errors import BadRequest, Forbidden, SignInRefused
from gatepass.server.door.any_response import EncodedCookie, put_headers, put_morsels
from gatepass.server.door.door import SignedIn
from gatepass.wire.asgi import Receive, Scope, Send
from gatepass.wire.browsers import Browsers
from tests.support.asgi import call
from tests.support.browser import EMAIL, ORIGIN, PASSWORD, RT, Browser, secret_of
from tests.support.gates import NOW, GateHarness, open_gate
from tools.services.patience import becomes

ELEVEN = tuple(f"m{number}" for number in range(11))
CLIENT = ("203.0.113.7", 50_000)


def scope_of(*headers: tuple[str, str], **more: Any) -> dict[str, Any]:
    """A request as a server gives it to an application without a guard."""
    raw = [(name.encode(), value.encode()) for name, value in (("user-agent", "Firefox/140.0 Linux"), *headers)]
    return {"type": "http", "method": "GET", "path": "/in", "headers": raw, "client": CLIENT, **more}


@pytest.fixture
def account(at: GateHarness, ann: Browser) -> str:
    (found,) = at.memory._accounts
    return found


def principal_of(at: GateHarness, signed_in: SignedIn) -> Principal:
    return at.gate.check.principal([f"Bearer {signed_in.grant['access_token']}"])


class TestFacts:
    async def test_methods_assurance_and_time_are_in_the_token_the_principal_and_the_list(
        self, at: GateHarness, ann: Browser, account: str
    ) -> None:
        signed_in = await at.gate.sign_in(
            scope_of(), account, methods=("fed", "mfa"), acr="urn:example:gold", auth_time=NOW - 60
        )
        caller = principal_of(at, signed_in)
        assert (caller.methods, caller.acr, caller.auth_time) == (("fed", "mfa"), "urn:example:gold", NOW - 60)
        assert (caller.claims["acr"], caller.claims["auth_time"]) == ("urn:example:gold", NOW - 60)
        assert (caller.begun_at, caller.claims["begun_at"]) == (NOW, NOW)
        listed = {row["id"]: row for row in (await ann.get("/sessions")).json()["sessions"]}
        row = listed[signed_in.session_id]
        assert (row["methods"], row["acr"], row["authenticated_at"]) == (
            ["fed", "mfa"],
            "urn:example:gold",
            NOW - 60,
        )
        assert (row["created_at"], row["client"], row["address"]) == (NOW, "Firefox on Linux", "203.0.113.0/24")

    async def test_they_outlive_refreshes(self, at: GateHarness, account: str) -> None:
        browser = Browser(at.gate.asgi, key=b"k" * 32)
        signed_in = await at.gate.sign_in(
            scope_of(), account, methods=("fed",), acr="2", auth_time=NOW - 5, binding_secret=secret_of(b"k" * 32)
        )
        take(browser, signed_in)
        at.clock.advance(900)
        assert (await browser.refresh()).status == 200
        caller = at.gate.check.principal([browser.bearer[1]])
        assert (caller.methods, caller.acr, caller.auth_time, caller.begun_at) == (("fed",), "2", NOW - 5, NOW)

    async def test_a_password_says_no_assurance_and_its_token_is_as_long_as_before(
        self, at: GateHarness, ann: Browser
    ) -> None:
        caller = at.gate.check.principal([ann.bearer[1]])
        assert (caller.methods, caller.acr, caller.auth_time, caller.begun_at) == (("pwd",), None, NOW, NOW)
        assert not {"acr", "begun_at"} & caller.claims.keys()

    async def test_a_sign_in_elsewhere_that_is_older_than_the_epoch_begins_a_session_that_lives(
        self, at: GateHarness, account: str
    ) -> None:
        epoch = await at.gate.sessions.revoke_everything()
        at.clock.advance(60)
        signed_in = await at.gate.sign_in(scope_of(), account, methods=("fed",), auth_time=NOW - 3600)
        assert principal_of(at, signed_in).auth_time == NOW - 3600 < epoch
        at.clock.advance(60)
        await at.gate.sessions.revoke_everything()
        with pytest.raises(Exception, match="malformed, expired, revoked"):
            principal_of(at, signed_in)

    async def test_a_route_that_needs_a_recent_sign_in_goes_by_the_time_of_the_other_system(
        self, at: GateHarness, account: str
    ) -> None:
        old = await at.gate.sign_in(scope_of(), account, methods=("fed",), auth_time=NOW - 301)
        with pytest.raises(Exception, match="recent sign-in"):
            at.gate.check.require(principal_of(at, old), max_age=300)
        new = await at.gate.sign_in(scope_of(), account, methods=("fed",), auth_time=NOW - 300)
        at.gate.check.require(principal_of(at, new), max_age=300)

    async def test_a_clock_that_is_a_little_ahead_is_now(self, at: GateHarness, account: str) -> None:
        signed_in = await at.gate.sign_in(scope_of(), account, methods=("fed",), auth_time=NOW + 300)
        assert principal_of(at, signed_in).auth_time == NOW


def take(browser: Browser, signed_in: SignedIn) -> None:
    """What a browser does with the headers."""
    for name, value in signed_in.headers:
        if name == "set-cookie":
            cookie, _, text = value.partition(";")[0].partition("=")
            browser.jar[cookie] = text
    browser.access_token = signed_in.grant["access_token"]


class TestAsAnySignIn:
    async def test_the_session_that_it_replaces_ends_and_no_other(
        self, at: GateHarness, ann: Browser, account: str
    ) -> None:
        phone = Browser(at.gate.asgi)
        await phone.login()
        signed_in = await at.gate.sign_in(scope_of(("cookie", f"{RT}={ann.rt}")), account, methods=("fed",))
        ended = [event for event in at.events if isinstance(event, SessionRevoked)]
        assert [(event.sid, event.reason) for event in ended] == [(ann.sid, "replaced")]
        assert signed_in.session_id not in (ann.sid, phone.sid)

    async def test_a_new_device_is_told(self, at: GateHarness, ann: Browser, account: str) -> None:
        scope = {**scope_of(), "client": ("198.51.100.9", 1)}
        await at.gate.sign_in(scope, account, methods=("fed",))
        assert len(at.named("session_new_device")) == 1

    async def test_with_a_key_it_is_bound_at_once(self, at: GateHarness, account: str) -> None:
        browser = Browser(at.gate.asgi, key=b"k" * 32)
        take(
            browser,
            await at.gate.sign_in(scope_of(), account, methods=("fed",), binding_secret=secret_of(b"k" * 32)),
        )
        assert (await browser.clone(key=None).refresh()).json()["reason"] == "missing"
        assert (await browser.refresh()).status == 200

    @pytest.mark.parametrize("text", ["", "a" * 42, "a" * 43, "a" * 44, "é" * 43, " " * 43])
    async def test_what_is_no_key_is_a_400(self, at: GateHarness, account: str, text: str) -> None:
        with pytest.raises(BadRequest) as refused:
            await at.gate.sign_in(scope_of(), account, methods=("fed",), binding_secret=text)
        assert refused.value.code == "invalid-binding-secret"

    @pytest.mark.parametrize("remember", [True, False])
    async def test_it_is_remembered_as_asked(self, at: GateHarness, account: str, remember: bool) -> None:
        signed_in = await at.gate.sign_in(scope_of(), account, methods=("fed",), remember=remember)
        cookies = [value for name, value in signed_in.headers if name == "set-cookie"]
        assert ["Max-Age" in cookie for cookie in cookies] == [remember, remember]

    async def test_no_repr_shows_a_token(self, at: GateHarness, account: str) -> None:
        signed_in = await at.gate.sign_in(scope_of(), account, methods=("fed",))
        shown = repr(signed_in) + repr(vars(signed_in))
        assert signed_in.grant["access_token"] not in shown
        assert "gp_rt_" not in shown


class TestRefused:
    async def test_an_account_that_is_unknown_or_disabled(self, at: GateHarness, ann: Browser, account: str) -> None:
        await at.gate.accounts.disable(account)
        at.events.clear()
        for who in (account, "nobody", ""):
            with pytest.raises(SignInRefused) as refused:
                await at.gate.sign_in(scope_of(("cookie", f"{RT}={ann.rt}")), who, methods=("fed",))
            assert (refused.value.status, refused.value.code) == (403, "sign-in-refused")
        assert at.events == [], "nothing has changed"

    async def test_one_that_was_disabled_while_the_session_was_written(self, at: GateHarness, account: str) -> None:
        async def interfere(verb: str) -> None:
            if verb == "add":
                at.store.before = None
                await at.gate.accounts.disable(account)

        at.store.before = interfere
        with pytest.raises(SignInRefused):
            await at.gate.sign_in(scope_of(), account, methods=("fed",))

    @pytest.mark.parametrize(
        "origin", ["https://evil.example", "null", "http://gate.example", "https://gate.example:444"]
    )
    async def test_a_page_of_another_origin(self, at: GateHarness, account: str, origin: str) -> None:
        for scope in (scope_of(("origin", origin)), scope_of(("origin", ORIGIN), ("origin", origin))):
            with pytest.raises(Forbidden) as refused:
                await at.gate.sign_in(scope, account, methods=("fed",))
            assert refused.value.code == "cross-site"

    async def test_not_the_system_that_posts_an_assertion_where_it_is_named(
        self, at: GateHarness, account: str
    ) -> None:
        scope = scope_of(("origin", "https://idp.example"), ("sec-fetch-site", "cross-site"))
        await at.gate.sign_in(scope, account, methods=("fed",), origins=("https://idp.example",))
        with pytest.raises(Forbidden):
            await at.gate.sign_in(
                scope_of(("origin", "https://idp.example.evil")),
                account,
                methods=("fed",),
                origins=("https://idp.example",),
            )

    async def test_not_a_link_that_is_followed_nor_the_own_page(self, at: GateHarness, account: str) -> None:
        for headers in ((("sec-fetch-site", "cross-site"),), (("origin", ORIGIN),), ()):
            assert await at.gate.sign_in(scope_of(*headers), account, methods=("otp",))

    async def test_not_a_form_at_home_that_hides_where_it_stands(self, at: GateHarness, account: str) -> None:
        """Referrer-Policy: no-referrer makes the Origin of a page's own form null."""
        scope = scope_of(("origin", "null"), ("sec-fetch-site", "same-origin"))
        assert await at.gate.sign_in(scope, account, methods=("otp",))

    async def test_a_response_whose_head_was_sent_before_anything_has_happened(
        self, at: GateHarness, account: str
    ) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await at.gate.sign_in(scope, account, methods=("fed",))

        before = len(at.memory.rows())
        with pytest.raises(RuntimeError, match="head of the response"):
            await call(at.gate.guard(app), "GET", "/")
        assert len(at.memory.rows()) == before

    async def test_plain_http_to_the_proxy(self) -> None:

        async with open_gate(browsers=Browsers(trusted_proxies=("203.0.113.7",))) as at:
            ann = Browser(at.gate.asgi)
            await ann.register()
            (account,) = at.memory._accounts
            with pytest.raises(Forbidden) as refused:
                await at.gate.sign_in(scope_of(("x-forwarded-proto", "http")), account, methods=("fed",))
            assert refused.value.code == "plain-http"

    @pytest.mark.parametrize(
        "methods",
        ["fed", (), ["fed"], ("fed", "fed"), ("",), ("two words",), ("é",), ("a\n",), ("x" * 65,), (1,), None, ELEVEN],
    )
    async def test_methods_that_no_token_can_tell(self, at: GateHarness, account: str, methods: Any) -> None:
        with pytest.raises(ValueError, match="method"):
            await at.gate.sign_in(scope_of(), account, methods=methods)
        assert at.store.verbs.count("add") <= 1

    @pytest.mark.parametrize("acr", ["", "two words", "é", "x" * 256, "a\nb", 1])
    async def test_an_assurance_that_no_token_can_tell(self, at: GateHarness, account: str, acr: Any) -> None:
        with pytest.raises(ValueError, match="acr"):
            await at.gate.sign_in(scope_of(), account, methods=("fed",), acr=acr)

    @pytest.mark.parametrize("time", [NOW + 301, NOW * 1000, -1, True, 1.5, "1800000000"])
    async def test_a_time_that_cannot_be(self, at: GateHarness, account: str, time: Any) -> None:
        with pytest.raises(ValueError, match="auth_time"):
            await at.gate.sign_in(scope_of(), account, methods=("fed",), auth_time=time)

    @pytest.mark.parametrize("request_", [None, "GET /", 7, object(), {}, {"type": "lifespan"}, {"type": "websocket"}])
    async def test_what_is_no_request(self, at: GateHarness, account: str, request_: Any) -> None:
        with pytest.raises(TypeError, match="sign_in takes the HTTP request"):
            await at.gate.sign_in(request_, account, methods=("fed",))


class TestAnywhere:
    """On any event loop, on none, and before the gate is open."""

    async def test_sync_code_on_a_thread_of_an_application(self, at: GateHarness, account: str) -> None:
        signed_in = await asyncio.to_thread(at.gate.sync.sign_in, scope_of(), account, methods=("fed",))
        assert principal_of(at, signed_in).methods == ("fed",)

    async def test_sync_code_on_the_loop_of_the_gate_is_told_to_await(self, at: GateHarness, account: str) -> None:
        with pytest.raises(RuntimeError, match="await the method"):
            at.gate.sync.sign_in(scope_of(), account, methods=("fed",))

    async def test_another_event_loop(self, at: GateHarness, account: str) -> None:
        def elsewhere() -> SignedIn:
            return asyncio.run(sign(at.gate.sign_in))

        async def sign(sign_in: Callable[..., Awaitable[SignedIn]]) -> SignedIn:
            return await sign_in(scope_of(), account, methods=("fed",))

        signed_in = await asyncio.to_thread(elsewhere)
        assert principal_of(at, signed_in).methods == ("fed",)

    def test_a_gate_that_is_not_open_yet_opens(self) -> None:
        made = GateHarness()

        async def view() -> SignedIn:
            account = await made.gate.administration.add_account(EMAIL, PASSWORD, by="test")
            return await made.gate.sign_in(scope_of(), account.id, methods=("fed",))

        signed_in = asyncio.run(view())
        assert principal_of(made, signed_in).methods == ("fed",)
        made.gate.sync.close()


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


@pytest.mark.parametrize("spelling", ["ann@example.com", " Ann@EXAMPLE.com "])
async def test_an_account_is_found_by_its_address_as_people_write_it(
    at: GateHarness, account: str, spelling: str
) -> None:
    found = await at.gate.accounts.find_by_address(spelling)
    assert found is not None
    assert found.id == account
    assert await at.gate.accounts.find_by_address("nobody@example.com") is None
    assert await at.gate.accounts.find_by_address("no address") is None


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
