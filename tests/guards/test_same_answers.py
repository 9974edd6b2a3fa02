"""A refusal is the same everywhere: status, document and headers, byte for byte."""

from collections.abc import Mapping

import pytest

from gatepass.core.claims import Tokens
from gatepass.errors import StoreUnavailable
from gatepass.wire.wsgi import Environ, StartResponse, withhold
from tests.guards import apps
from tests.guards.conftest import scopes
from tests.guards.shared_apps import running
from tests.support.asgi import Answer, call
from tests.support.browser import RT, Browser
from tests.support.gates import GateHarness
from tests.support.lifespan import started
from tests.support.wsgi import over_asgi


def essence(answer: Answer) -> tuple[int, bytes, Mapping[str, str]]:
    return answer.status, answer.body, dict(sorted(answer.headers))


async def refusals(name: str) -> list[tuple[int, bytes, Mapping[str, str]]]:
    at = GateHarness(tokens=Tokens(claims=scopes))
    async with running(name, at.gate) as app:
        bob = Browser(at.gate.asgi)
        await bob.register(remember=False)
        wrong = ("authorization", "Bearer x")
        asked = [
            await call(app, "GET", "/me"),
            await call(app, "GET", "/me", headers=[wrong]),
            await call(app, "GET", "/maybe", headers=[wrong]),
            await call(app, "GET", "/notes", headers=[bob.bearer]),
        ]
        ann = Browser(at.gate.asgi)
        await ann.register("ann@example.org")
        at.clock.advance(apps.RECENT + 1)
        asked.append(await call(app, "GET", "/vault", headers=[ann.bearer]))
        at.gate.revocations._is_loaded = False
        asked.append(await call(app, "GET", "/me", headers=[bob.bearer]))
        return [essence(answer) for answer in asked]


@pytest.mark.parametrize("name", sorted(set(apps.ALL) - {"asgi"}))
async def test_every_guard_refuses_as_the_plain_one_does(name: str) -> None:
    plain, other = await refusals("asgi"), await refusals(name)
    assert [status for status, _, _ in plain] == [401, 401, 401, 403, 401, 503]
    if name == "django-rest":  # REST framework adds what content negotiation needs, to all that it answers
        other = [
            (status, body, {key: headers[key] for key in headers if key != "vary"}) for status, body, headers in other
        ]
    assert other == plain


class TestFoldedCookies:
    """Servers fold two Cookie headers with a comma, and it must not hide the refresh token behind it."""

    @pytest.mark.parametrize(
        ("cookie", "seen", "held"),
        [
            (f"a=b,{RT}=x", "a=b", f"{RT}=x"),
            (f"a=b, {RT}=x,c=d", "a=b; c=d", f"{RT}=x"),
            (f"{RT}=x,{RT}=y", None, f"{RT}=x; {RT}=y"),
            ("a=b,c=d", "a=b,c=d", ""),
            (f"a=1,2; {RT}=x", "a=1,2", f"{RT}=x"),
        ],
    )
    def test_it_is_taken_out_of_each_part(self, cookie: str, seen: str | None, held: str) -> None:
        environ: Environ = {"HTTP_COOKIE": cookie}
        assert withhold(environ, GateHarness().gate.cookies).decode() == held
        assert environ.get("HTTP_COOKIE") == seen


async def test_a_generator_that_raises_at_its_first_step_is_answered_too() -> None:
    at = GateHarness()

    def app(environ: Environ, start_response: StartResponse):  # type: ignore[no-untyped-def]
        raise StoreUnavailable
        yield b""

    async with started(over_asgi(at.gate.guard_wsgi(app), at.gate)) as running:
        answer = await call(running, "GET", "/")
        assert (answer.status, answer.code, answer.one("retry-after")) == (503, "store-unavailable", "1")
