"""Cookies that came twice, respelt, planted by a neighbour or beyond their time (RC-01 to RC-09, §1.4)."""

import pytest

from gatepass.core.policy import DAY
from gatepass.wire.browsers import Browsers
from gatepass.wire.cookies import SameSite
from tests.support.asgi import call
from tests.support.browser import RT, Browser
from tests.support.gates import GateHarness, open_gate

CLIENT = ("gatepass-client", "1")


async def every_cookie(at: GateHarness) -> list[str]:
    """Each Set-Cookie header of a life that uses all endpoints which set one."""
    ann = Browser(at.gate.asgi, names=at.gate.cookies.place.names)
    answers = [await ann.register(), await ann.login(), await ann.refresh(lose=True)]
    at.clock.advance(60)
    answers += [await ann.refresh(), await ann.refresh(), await ann.login(remember=False), await ann.refresh()]
    stale = ("gatepass-proof", f"7.{'b' * 11}.{'a' * 22}")
    answers += [await ann.send("POST", "/refresh", headers=[stale]), await ann.logout()]
    return [text for answer in answers for text in answer.all("set-cookie")]


@pytest.mark.parametrize("same_site", ["strict", "lax", "none"])
@pytest.mark.parametrize("path", ["/", "/auth"])
async def test_every_cookie_ever_set_says_how_it_may_travel(same_site: SameSite, path: str) -> None:
    """CS-08: never the browser's default, whose first two minutes are open to other sites' forms."""
    async with open_gate(browsers=Browsers(same_site=same_site, cookie_path=path)) as at:
        cookies = await every_cookie(at)
    assert len(cookies) >= 15
    for text in cookies:
        marks = text.split("; ")[1:]
        assert marks.count(f"SameSite={same_site.capitalize()}") == 1
        assert "Secure" in marks
        assert not any(mark.lower().startswith("domain") for mark in marks)
        assert text.startswith(("__Host-Http-gatepass=", "__Secure-gatepass_auth=", "__Host-gatepass_state"))
        assert text.startswith("__Host-gatepass_state") or "HttpOnly" in marks
        assert len(text.split("; ", maxsplit=1)[0]) <= 4096, "RC-08: what browsers keep (ASVS 3.3.5)"
        assert text.isascii()
        assert text.isprintable()


@pytest.mark.parametrize(
    "name",
    [
        "__host-http-gatepass",
        "__HOST-HTTP-GATEPASS",
        "__Host-Http-Gatepass",
        "__Host-Http-gatepass ",
        "__Host-Http-gatepass\u00a0",
        "__Host-Http-gatepass\x0b",
        "$Version",
        '"__Host-Http-gatepass"',
        "__Host-Http-gatepass[]",
        "__Host-gatepass",
        "Http-gatepass",
        "gatepass",
        "gatepass_8000",
        "%5F_Host-Http-gatepass",
    ],
)
async def test_another_spelling_of_the_name_is_another_cookie(at: GateHarness, ann: Browser, name: str) -> None:
    """Those that a browser would not guard by the prefix could have been planted (6265bis, RC-08)."""
    planted: tuple[str, str | bytes] = ("cookie", f"{name}={ann.rt}".encode("latin-1", "replace"))
    answer = await call(at.gate.asgi, "POST", "/refresh", headers=[CLIENT, planted])
    assert (answer.status, answer.code) == (401, "no-session")


@pytest.mark.parametrize("order", [1, -1])
async def test_a_planted_twin_neither_wins_nor_ends_anybody(at: GateHarness, ann: Browser, order: int) -> None:
    """A neighbour's or an old session's cookie beside ours: with a belief ours is refreshed, without one none."""
    eve = Browser(at.gate.asgi)
    await eve.register("eve@example.com")
    crumbs = [f"{RT}={ann.rt}", f"{RT}={eve.rt}", f"{RT}=garbage"][::order]
    blind = await call(at.gate.asgi, "POST", "/refresh", headers=[CLIENT, ("cookie", "; ".join(crumbs))])
    assert (blind.status, blind.code, blind.cookies) == (409, "session-mismatch", [])
    believing = [("cookie", "; ".join(crumbs)), *ann.refresh_headers()]
    answer = await call(at.gate.asgi, "POST", "/refresh", headers=believing)
    assert (answer.status, answer.json()["session_id"]) == (200, ann.sid)
    ann.absorb(answer)
    assert (await ann.refresh()).status == 200
    assert (await eve.refresh()).status == 200
    assert at.named("authn_token_reuse") == []


async def test_a_client_that_keeps_a_cookie_beyond_its_time_gains_nothing(at: GateHarness, ann: Browser) -> None:
    """RC-07: Max-Age is a courtesy, the server counts for itself."""
    at.clock.advance(7 * DAY)
    answer = await ann.refresh()
    assert (answer.status, answer.json()["reason"]) == (401, "expired")


async def test_ill_health_and_refusals_clear_nothing(at: GateHarness, ann: Browser) -> None:
    """RC-09, EL-03: a cookie that is good stays, whatever went wrong; only a logout deletes it."""

    async def fail(verb: str) -> None:
        raise RuntimeError

    at.store.before = fail
    ill = await ann.refresh()
    at.store.before = None
    elsewhere = [("origin", "https://evil.example"), *ann.refresh_headers(), ("cookie", f"{RT}={ann.rt}")]
    refused = await call(at.gate.asgi, "POST", "/refresh", headers=elsewhere)
    logout = await call(at.gate.asgi, "POST", "/logout", headers=elsewhere)
    assert [answer.status for answer in (ill, refused, logout)] == [500, 403, 403]
    assert [answer.cookies for answer in (ill, refused, logout)] == [[], [], []]
    assert (await ann.refresh()).status == 200
