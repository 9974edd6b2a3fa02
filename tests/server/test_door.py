"""`gate.sign_in`: what the application vouches for is told, what it may not say is refused, the rest is a sign-in."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gatepass.core.event import SessionRevoked
from gatepass.errors import BadRequest, Forbidden, SignInRefused
from gatepass.server.door.door import SignedIn
from gatepass.wire.asgi import Receive, Scope, Send
from gatepass.wire.browsers import Browsers
from tests.support.asgi import call
from tests.support.browser import EMAIL, ORIGIN, PASSWORD, RT, Browser, secret_of
from tests.support.door import principal_of, scope_of, take
from tests.support.gates import NOW, GateHarness, open_gate

ELEVEN = tuple(f"m{number}" for number in range(11))


@pytest.fixture
def account(at: GateHarness, ann: Browser) -> str:
    (found,) = at.memory._accounts
    return found


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


@pytest.mark.parametrize("spelling", ["ann@example.com", " Ann@EXAMPLE.com "])
async def test_an_account_is_found_by_its_address_as_people_write_it(
    at: GateHarness, account: str, spelling: str
) -> None:
    found = await at.gate.accounts.find_by_address(spelling)
    assert found is not None
    assert found.id == account
    assert await at.gate.accounts.find_by_address("nobody@example.com") is None
    assert await at.gate.accounts.find_by_address("no address") is None
