"""What every guard must do, in one table of cases: header in, principal out, strictly."""

import importlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from gatepass.access.asgi import current_principal
from gatepass.testing.tokens import sign_in
from gatepass.wire.asgi import Receive, Scope, Send
from tests.guards.apps import RECENT
from tests.guards.conftest import Guarded
from tests.support.asgi import Answer, call
from tests.support.browser import PASSWORD, RT, Browser
from tests.support.gates import GateHarness

Headers = list[tuple[str, str]]
INVALID = ("invalid-token", 'Bearer error="invalid_token"')
MISSING = ("token-required", "Bearer")
GUARDS = [
    "access.wsgi",
    *(f"guards.{name}" for name in ("starlette", "fastapi", "litestar", "flask", "django", "django.rest_framework")),
]
"""The modules that have `requires`."""


async def get(guarded: Guarded, path: str, headers: Headers, *, query: bytes = b"") -> Answer:
    return await call(guarded.app, "GET", path, headers=headers, query=query)


def auth(value: str) -> Headers:
    return [("authorization", value)]


GOOD: dict[str, Callable[[str], Headers]] = {
    "the usual form": lambda at: auth(f"Bearer {at}"),
    "scheme in lower case": lambda at: auth(f"bearer {at}"),
    "scheme in upper case": lambda at: auth(f"BEARER {at}"),
    "scheme in mixed case": lambda at: auth(f"bEaReR {at}"),
    "two spaces": lambda at: auth(f"Bearer  {at}"),
}
BAD: dict[str, tuple[Callable[[str, str], Headers], tuple[str, str]]] = {
    "no header": (lambda at, rt: [], MISSING),
    "empty header": (lambda at, rt: auth(""), MISSING),
    "another scheme": (lambda at, rt: auth(f"Basic {at}"), MISSING),
    "no scheme": (lambda at, rt: auth(at), MISSING),
    "a longer scheme": (lambda at, rt: auth(f"Bearers {at}"), MISSING),
    "DPoP": (lambda at, rt: auth(f"DPoP {at}"), MISSING),
    "scheme alone": (lambda at, rt: auth("Bearer"), INVALID),
    "scheme and space": (lambda at, rt: auth("Bearer "), INVALID),
    "twice": (lambda at, rt: auth(f"Bearer {at}") * 2, INVALID),
    "good and another scheme": (lambda at, rt: auth(f"Bearer {at}") + auth("Basic eDp4"), INVALID),
    "two in one header": (lambda at, rt: auth(f"Bearer {at}, Bearer {at}"), INVALID),
    "token and more": (lambda at, rt: auth(f"Bearer {at} x"), INVALID),
    "tab for space": (lambda at, rt: auth(f"Bearer\t{at}"), MISSING),
    "trailing tab": (lambda at, rt: auth(f"Bearer {at}\t"), INVALID),
    "quoted": (lambda at, rt: auth(f'Bearer "{at}"'), INVALID),
    "padded": (lambda at, rt: auth(f"Bearer {at}="), INVALID),
    "cut": (lambda at, rt: auth(f"Bearer {at[:-1]}"), INVALID),
    "signature alone": (lambda at, rt: auth(f"Bearer {at.rpartition('.')[2]}"), INVALID),
    "no signature": (lambda at, rt: auth(f"Bearer {at.rpartition('.')[0]}."), INVALID),
    "four parts": (lambda at, rt: auth(f"Bearer {at}.x"), INVALID),
    "bits flipped": (lambda at, rt: auth(f"Bearer {at[:-4]}AAAA"), INVALID),
    "not ASCII": (lambda at, rt: auth(f"Bearer {at}é"), INVALID),
    "too long": (lambda at, rt: auth("Bearer " + "a" * 100_000), INVALID),
    "the refresh token": (lambda at, rt: auth(f"Bearer {rt}"), INVALID),
    "in a cookie": (lambda at, rt: [("cookie", f"access_token={at}; Authorization=Bearer {at}")], MISSING),
    "in another header": (lambda at, rt: [("x-access-token", at), ("proxy-authorization", f"Bearer {at}")], MISSING),
    "the refresh cookie alone": (lambda at, rt: [("cookie", f"{RT}={rt}")], MISSING),
}


async def test_a_valid_token_in_the_header_gives_the_caller(guarded: Guarded, subtests: pytest.Subtests) -> None:
    for case, make in GOOD.items():
        with subtests.test(case):
            answer = await get(guarded, "/me", make(guarded.ann.access_token))
            assert answer.status == 200
            assert answer.json()["session"] == guarded.ann.sid
            assert guarded.at.store.verbs == [], "no store read per request"


async def test_everything_else_is_a_401_with_its_challenge(guarded: Guarded, subtests: pytest.Subtests) -> None:
    for case, (make, (code, challenge)) in BAD.items():
        with subtests.test(case):
            answer = await get(guarded, "/me", make(guarded.ann.access_token, guarded.ann.rt))
            assert (answer.status, answer.code) == (401, code)
            assert answer.one("www-authenticate") == challenge
            assert answer.one("cache-control") == "no-store"
            assert guarded.ann.access_token not in str(answer)
            assert guarded.at.store.verbs == []


async def test_a_token_in_the_query_is_ignored(guarded: Guarded) -> None:
    query = f"access_token={guarded.ann.access_token}".encode()
    assert (await get(guarded, "/me", [], query=query)).code == "token-required"


class TestOptional:
    async def test_nobody_is_none_and_a_caller_is_found(self, guarded: Guarded) -> None:
        assert (await get(guarded, "/maybe", [])).json() == {"account": None}
        answer = await get(guarded, "/maybe", [guarded.ann.bearer])
        assert answer.json()["account"] == (await guarded.ann.get("/me")).json()["id"]

    async def test_a_token_that_does_not_hold_is_refused_all_the_same(
        self, guarded: Guarded, subtests: pytest.Subtests
    ) -> None:
        for case, (make, refusal) in BAD.items():
            if refusal == INVALID:
                with subtests.test(case):
                    headers = make(guarded.ann.access_token, guarded.ann.rt)
                    assert (await get(guarded, "/maybe", headers)).code == "invalid-token"


class TestScopes:
    async def test_a_caller_who_covers_the_scope_passes(self, guarded: Guarded) -> None:
        assert (await get(guarded, "/notes", [guarded.ann.bearer])).status == 200

    async def test_a_caller_who_does_not_is_a_403_that_names_it(self, guarded: Guarded) -> None:
        bob = Browser(guarded.at.gate.asgi)
        await bob.register("bob@example.com", remember=False)
        answer = await get(guarded, "/notes", [bob.bearer])
        assert (answer.status, answer.code) == (403, "insufficient-scope")
        assert answer.one("www-authenticate") == 'Bearer error="insufficient_scope", scope="notes:read"'
        assert answer.json()["scope"] == "notes:read"

    async def test_nobody_is_a_401_there(self, guarded: Guarded) -> None:
        assert (await get(guarded, "/notes", [])).code == "token-required"


class TestRecentSignIn:
    """RFC 9470: the token holds, but its session was signed in to too long ago."""

    async def test_a_caller_who_has_just_signed_in_passes_and_stays_so_to_the_second(self, guarded: Guarded) -> None:
        assert (await get(guarded, "/vault", [guarded.ann.bearer])).status == 200
        guarded.at.clock.advance(RECENT)
        assert (await get(guarded, "/vault", [guarded.ann.bearer])).status == 200
        assert guarded.at.store.verbs == [], "no store read per request"

    async def test_one_second_later_it_is_a_401_that_says_how_recent(self, guarded: Guarded) -> None:
        guarded.at.clock.advance(RECENT + 1)
        answer = await get(guarded, "/vault", [guarded.ann.bearer])
        assert (answer.status, answer.code) == (401, "insufficient-user-authentication")
        assert answer.one("www-authenticate") == f'Bearer error="insufficient_user_authentication", max_age="{RECENT}"'
        assert answer.json()["max_age"] == RECENT
        assert answer.one("cache-control") == "no-store"
        assert (await get(guarded, "/notes", [guarded.ann.bearer])).status == 200, "what asks for less goes on"

    async def test_a_refresh_does_not_help_and_a_sign_in_does(self, guarded: Guarded) -> None:
        ann = guarded.ann
        guarded.at.clock.advance(RECENT + 1)
        assert (await ann.refresh()).status == 200
        assert (await get(guarded, "/vault", [ann.bearer])).code == "insufficient-user-authentication"
        before = ann.sid
        assert (await ann.login()).status == 200
        assert ann.sid != before, "the session is a new one (63B-4 §5.2)"
        assert (await get(guarded, "/vault", [ann.bearer])).status == 200
        guarded.at.clock.advance(RECENT - 1)
        assert (await ann.refresh()).status == 200
        assert (await get(guarded, "/vault", [ann.bearer])).status == 200

    async def test_for_want_of_a_scope_no_sign_in_is_asked_for(self, guarded: Guarded) -> None:
        bob = Browser(guarded.at.gate.asgi)
        await bob.register("bob@example.com", remember=False)
        guarded.at.clock.advance(RECENT + 1)
        assert (await get(guarded, "/vault", [bob.bearer])).code == "insufficient-scope"

    async def test_nobody_and_an_ended_session_are_refused_as_everywhere(self, guarded: Guarded) -> None:
        assert (await get(guarded, "/vault", [])).code == "token-required"
        await guarded.ann.logout()
        assert (await get(guarded, "/vault", [guarded.ann.bearer])).code == "invalid-token"


class TestAssurance:
    """RFC 9470: the token holds, but its session was signed in to by too weak means."""

    async def test_one_factor_is_a_401_that_says_which_assurance_is_enough(self, guarded: Guarded) -> None:
        answer = await get(guarded, "/safe", [guarded.ann.bearer])
        assert (answer.status, answer.code) == (401, "insufficient-user-authentication")
        assert answer.one("www-authenticate") == 'Bearer error="insufficient_user_authentication", acr_values="mfa"'
        assert answer.json()["acr_values"] == "mfa"
        assert "max_age" not in answer.json()
        assert (await get(guarded, "/notes", [guarded.ann.bearer])).status == 200, "what asks for less goes on"

    @pytest.mark.parametrize("how", [{"methods": ("pwd", "otp", "mfa")}, {"acr": "mfa"}])
    async def test_several_factors_pass_whichever_claim_says_so(self, guarded: Guarded, how: dict[str, Any]) -> None:
        caller = sign_in(guarded.at.gate, scopes=["notes:read"], **how)
        assert (await get(guarded, "/safe", list(caller.items()))).status == 200
        assert guarded.at.store.verbs == [], "no store read per request"

    @pytest.mark.parametrize("how", [{"methods": ("pwd", "otp")}, {"acr": "mfa2"}, {"acr": "0"}])
    async def test_nothing_else_counts_as_several_factors(self, guarded: Guarded, how: dict[str, Any]) -> None:
        caller = sign_in(guarded.at.gate, scopes=["notes:read"], **how)
        assert (await get(guarded, "/safe", list(caller.items()))).code == "insufficient-user-authentication"

    async def test_for_want_of_a_scope_no_step_up_is_asked_for(self, guarded: Guarded) -> None:
        caller = sign_in(guarded.at.gate)
        assert (await get(guarded, "/safe", list(caller.items()))).code == "insufficient-scope"


@pytest.mark.parametrize("acr", ["", " ", "mfa ", "two  words", 'say "mfa"', "back\\slash", "ä", "x" * 256])
@pytest.mark.parametrize("name", GUARDS)
def test_an_assurance_that_no_challenge_can_name_is_refused_where_it_is_written(name: str, acr: str) -> None:
    guard = importlib.import_module(f"gatepass.{name}")
    with pytest.raises(ValueError, match="acr is one word"):
        guard.requires(acr=acr)


@pytest.mark.parametrize("age", [0, -1])
@pytest.mark.parametrize("name", GUARDS)
def test_an_age_that_nobody_can_keep_is_refused_where_it_is_written(name: str, age: int) -> None:
    guard = importlib.import_module(f"gatepass.{name}")
    with pytest.raises(ValueError, match="max_age"):
        guard.requires(max_age=age)


class TestTime:
    """A token that was verified before is looked at again, warm or cold."""

    @pytest.mark.parametrize("warm", [True, False])
    async def test_it_holds_until_its_end_and_the_tolerance_and_no_longer(self, guarded: Guarded, warm: bool) -> None:
        if warm:
            assert (await get(guarded, "/me", [guarded.ann.bearer])).status == 200
        guarded.at.clock.advance(904)
        assert (await get(guarded, "/me", [guarded.ann.bearer])).status == 200
        guarded.at.clock.advance(1)
        assert (await get(guarded, "/me", [guarded.ann.bearer])).code == "invalid-token"

    async def test_an_old_pass_holds_beside_the_new_one_until_its_own_end(self, guarded: Guarded) -> None:
        old = guarded.ann.bearer
        guarded.at.clock.advance(600)
        await guarded.ann.refresh()
        assert (await get(guarded, "/me", [old])).status == 200
        guarded.at.clock.advance(305)
        assert (await get(guarded, "/me", [old])).status == 401
        assert (await get(guarded, "/me", [guarded.ann.bearer])).status == 200


async def log_out(guarded: Guarded, ann: Browser) -> None:
    await ann.logout()


async def log_out_by_bearer(guarded: Guarded, ann: Browser) -> None:
    ann.jar.clear()
    await ann.logout(headers=[ann.bearer])


async def log_out_everywhere(guarded: Guarded, ann: Browser) -> None:
    await ann.send("POST", "/logout-all", headers=[ann.bearer])


async def revoke_from_another_device(guarded: Guarded, ann: Browser) -> None:
    other = Browser(guarded.at.gate.asgi)
    await other.login()
    await other.send("DELETE", f"/sessions/{ann.sid}", headers=[other.bearer])


async def change_the_password_elsewhere(guarded: Guarded, ann: Browser) -> None:
    other = Browser(guarded.at.gate.asgi)
    await other.login()
    body = {"current": PASSWORD, "new": "eight green bottles on a wall"}
    answer = await other.send("POST", "/password", headers=[other.bearer], body=body)
    assert answer.status == 200


async def be_bound_by_somebody_else(guarded: Guarded, ann: Browser) -> None:
    """Its row names the key of another client: one of them is a thief."""
    sid = bytes.fromhex(ann.sid)
    rows = guarded.at.memory.rows()
    rows[sid] = replace(rows[sid], binding=b"a thief's binding"[:16])
    assert (await ann.refresh()).json()["reason"] == "reused"


async def sign_in_again(guarded: Guarded, ann: Browser) -> None:
    await ann.clone(key=ann.key).login()


async def be_disabled(guarded: Guarded, ann: Browser) -> None:
    account_id = (await ann.get("/me")).json()["id"]
    assert await guarded.at.gate.accounts.disable(account_id)


ENDS = (
    log_out,
    log_out_by_bearer,
    log_out_everywhere,
    revoke_from_another_device,
    change_the_password_elsewhere,
    be_bound_by_somebody_else,
    sign_in_again,
    be_disabled,
)


@pytest.mark.parametrize(("end", "is_known"), [(log_out, False), *((end, True) for end in ENDS)])
async def test_the_passes_of_an_ended_session_are_refused_at_once(
    guarded: Guarded, end: Callable[[Guarded, Browser], Awaitable[None]], is_known: bool
) -> None:
    """Whether the guard has let it in before, or sees it for the first time."""
    bearer = guarded.ann.bearer
    if is_known:
        assert (await get(guarded, "/me", [bearer])).status == 200
    await end(guarded, guarded.ann)
    guarded.at.store.verbs.clear()
    answer = await get(guarded, "/me", [bearer])
    assert (answer.status, answer.code) == (401, "invalid-token")
    assert guarded.at.store.verbs == []


async def test_every_session_of_before_the_epoch_is_refused_and_who_signs_in_again_is_let_in(guarded: Guarded) -> None:
    assert (await get(guarded, "/me", [guarded.ann.bearer])).status == 200
    await guarded.at.gate.sessions.revoke_everything()
    answer = await get(guarded, "/me", [guarded.ann.bearer])
    assert (answer.status, answer.code) == (401, "invalid-token")
    await guarded.ann.login()
    assert (await get(guarded, "/me", [guarded.ann.bearer])).status == 200


class TestRefreshCookie:
    async def test_the_application_never_sees_it_and_keeps_all_others(self, guarded: Guarded) -> None:
        rt = guarded.ann.rt
        answer = await get(
            guarded,
            "/seen",
            [
                ("cookie", f"theme=dark; {RT}={rt}; lang=en"),
                ("cookie", f"__Secure-gatepass={rt}"),
                ("cookie", f"a=b;{RT}={rt};c=d"),
            ],
        )
        assert rt not in answer.body.decode()
        seen = answer.json()
        # WSGI servers make one header of several.
        cookies = [crumb.strip() for name, value in seen["headers"] if name == "cookie" for crumb in value.split(";")]
        assert cookies == ["theme=dark", "lang=en", "a=b", "c=d"]

    async def test_a_request_with_nothing_else_has_no_cookie_header(self, guarded: Guarded) -> None:
        seen = (await get(guarded, "/seen", [("cookie", f"{RT}={guarded.ann.rt}")])).json()
        assert seen == {"cookies": {}, "headers": []}

    async def test_other_headers_and_cookies_pass_untouched(self, guarded: Guarded) -> None:
        headers = [("cookie", "a=b;c=d;  e"), ("x-a", "1"), ("x-a", "2"), ("accept", "*/*")]
        seen = (await get(guarded, "/seen", headers)).json()
        folded = [["cookie", "a=b;c=d;  e"], ["x-a", "1,2"], ["accept", "*/*"]]
        assert seen["headers"] in ([list(pair) for pair in headers], folded)

    async def test_no_spacing_smuggles_it_through(self, guarded: Guarded, subtests: pytest.Subtests) -> None:
        rt = guarded.ann.rt
        for space in ("", " ", "\t", "  ", "\xa0", "\x1f", "\x0b"):
            for cookie in (f"{space}{RT}={rt}", f"{RT}{space}={rt}", f"a=b;{space}{RT}{space}={rt}"):
                with subtests.test(cookie.replace(rt, "…")):
                    answer = await get(guarded, "/seen", [("cookie", cookie)])
                    assert RT not in answer.json()["cookies"]
                    assert rt not in answer.json()["cookies"].values()

    async def test_the_endpoints_mounted_inside_still_get_it(self, guarded: Guarded) -> None:
        visitor = guarded.visitor()
        visitor.mount = "/auth"
        visitor.jar["theme"] = "dark"
        assert (await visitor.refresh()).status == 200
        assert (await visitor.logout()).status == 204


async def test_until_the_revocations_are_loaded_a_guard_answers_503(guarded: Guarded) -> None:
    fresh = GateHarness(store=guarded.at.store)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        current_principal(scope)

    answer = await call(fresh.gate.guard(app), "GET", "/me", headers=[guarded.ann.bearer])
    assert (answer.status, answer.code) == (503, "not-ready")
    assert answer.one("retry-after")
