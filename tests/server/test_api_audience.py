"""What an API that receives access tokens can do with them at the account endpoints, as SECURITY.md says."""

import pytest

from gatepass.core.claims import Tokens
from gatepass.core.policy import HOUR, Policy
from tests.support.asgi import call
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate

API = "https://api.example.com"
CLIENT = ("gatepass-client", "1")
JSON = ("content-type", "application/json")


async def signed_in(at: GateHarness) -> Browser:
    ann = Browser(at.gate.asgi)
    await ann.register()
    return ann


async def test_it_can_read_the_account_and_end_sessions() -> None:
    async with open_gate(tokens=Tokens(audience=API)) as at:
        ann = await signed_in(at)
        for method, path, status in (("GET", "/me", 200), ("GET", "/sessions", 200), ("POST", "/logout-others", 204)):
            assert (await call(at.gate.asgi, method, path, headers=[ann.bearer, CLIENT])).status == status


async def test_with_a_recent_sign_in_demanded_it_can_end_no_session_but_the_caller_s_for_long() -> None:
    policy = Policy(recent_sign_in=HOUR // 4)
    async with open_gate(tokens=Tokens(audience=API), policy=policy) as at:
        ann = await signed_in(at)
        at.clock.advance(HOUR // 2)
        await ann.refresh()
        answer = await call(at.gate.asgi, "POST", "/logout-others", headers=[ann.bearer, CLIENT])
        assert answer.status == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/password", b'{"current":"a guess of the api","new":"twelve red bottles on a wall"}'),
        ("POST", "/email", b'{"email":"api@example.com","password":"a guess of the api"}'),
        ("DELETE", "/account", b'{"password":"a guess of the api"}'),
    ],
)
async def test_without_the_password_it_can_change_and_delete_nothing(method: str, path: str, body: bytes) -> None:
    async with open_gate(tokens=Tokens(audience=API)) as at:
        ann = await signed_in(at)
        answer = await call(at.gate.asgi, method, path, headers=[ann.bearer, CLIENT, JSON], body=body)
        assert answer.status == 403
        assert (await Browser(at.gate.asgi).login(EMAIL, PASSWORD)).status == 200


async def test_without_the_cookie_it_gets_no_token_of_its_own() -> None:
    async with open_gate(tokens=Tokens(audience=API)) as at:
        ann = await signed_in(at)
        assert (await call(at.gate.asgi, "POST", "/refresh", headers=[ann.bearer, CLIENT])).code == "no-session"
