"""Limits on well-formed requests: far above what people do, told as 429 or 503, never as an end (RL-01…05)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from gatepass.accounts.passwords.hashing import hashing_threads
from gatepass.accounts.passwords.queue import FairQueue
from gatepass.core.event import RateExceeded
from gatepass.core.rate import Rate
from gatepass.errors import ConfigurationError
from gatepass.server.endpoint import Endpoint
from gatepass.server.endpoints import DESCRIBED
from gatepass.server.limits import Limits
from tests.support.browser import PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.mail import post
from tests.support.person import Person
from tests.support.provider import Provider
from tools.services.patience import becomes

REFRESHES, REGISTRATIONS, DEPARTURES = 30, 3, 4


@pytest.fixture
async def at() -> AsyncIterator[GateHarness]:
    """A gate with small numbers."""
    limits = Limits(
        refresh_rate=Rate(REFRESHES, 60),
        address_refresh_rate=Rate(2 * REFRESHES, 60),
        registration_rate=Rate(REGISTRATIONS, 3600),
        provider_rate=Rate(DEPARTURES, 3600),
    )
    async with open_gate(limits=limits) as made:
        yield made


async def ann_of(at: GateHarness, number: int = 0, address: str = "203.0.113.7") -> Browser:
    browser = Browser(at.gate.asgi, address=address)
    assert (await browser.register(f"{number}@example.com")).status == 201
    return browser


class TestProviders:
    async def test_a_network_begins_so_many_sign_ins_at_a_provider_by_page_and_by_link(self, at: GateHarness) -> None:
        with Provider(at.clock.now) as provider:
            at.gate.oidc("acme", **provider.options)
            person, neighbour = Person(at.gate.asgi), Person(at.gate.asgi, address="192.0.2.1")
            answers = [await person.start() for _ in range(DEPARTURES)]
            assert {answer.status for answer in answers} == {200}
            refused, page = await person.start(), await person.open("/oidc/acme/start")
            assert (refused.status, refused.code, refused.cookies) == (429, "too-many-attempts", [])
            assert (page.status, page.one("retry-after")) == (429, refused.one("retry-after"))
            assert (await neighbour.start()).status == 200
            at.clock.advance(int(refused.one("retry-after")))
            assert (await person.start()).status == 200

    async def test_a_network_sends_so_many_logout_tokens_and_their_signatures_cost_no_more(
        self, at: GateHarness
    ) -> None:
        with Provider(at.clock.now) as provider:
            at.gate.oidc("acme", **provider.options)
            person = Person(at.gate.asgi)
            path, form = "/oidc/acme/back-channel-logout", b"logout_token=x.y.z"
            statuses = [(await person.open(path, form=form)).status for _ in range(DEPARTURES + 1)]
            assert statuses == [400] * DEPARTURES + [429]
            assert (await person.start()).status == 200, "counted apart"


class TestRefreshes:
    async def test_twenty_tabs_at_once_all_get_on(self, at: GateHarness) -> None:
        ann = await ann_of(at)
        answers = [await ann.refresh() for _ in range(20)]
        assert {answer.status for answer in answers} == {200}

    async def test_sustained_abuse_is_told_to_wait_and_the_session_lives_on(self, at: GateHarness) -> None:
        ann = await ann_of(at)
        answers = [await ann.refresh() for _ in range(REFRESHES + 5)]
        refused = answers[-1]
        assert [answer.status for answer in answers].count(200) == REFRESHES
        assert (refused.status, refused.code, refused.cookies) == (429, "too-many-attempts", [])
        assert (await ann.get("/me")).status == 200
        at.clock.advance(int(refused.one("retry-after")))
        assert (await ann.refresh()).status == 200

    async def test_a_refusal_costs_no_store_call_and_changes_nothing(self, at: GateHarness) -> None:
        ann = await ann_of(at)
        for _ in range(REFRESHES):
            await ann.refresh()
        at.store.verbs.clear()
        generation = ann.generation
        assert (await ann.refresh()).status == 429
        assert at.store.verbs == []
        assert ann.generation == generation

    async def test_nobody_uses_up_what_another_session_has(self, at: GateHarness) -> None:
        """To know a session's id is harmless: what carries no token of ours is not counted (P5)."""
        ann, thief = await ann_of(at), Browser(at.gate.asgi, address="192.0.2.1")
        thief.jar = {**ann.jar, ann.rt_name: ann.rt[:-4] + "AAAA"}
        for _ in range(REFRESHES + 5):
            assert (await thief.refresh()).status == 401
        assert (await ann.refresh()).status == 200

    async def test_one_network_has_a_limit_over_all_its_sessions(self, at: GateHarness) -> None:
        browsers = [await ann_of(at, number, f"198.51.100.{number}") for number in range(3)]
        statuses = [(await browser.refresh()).status for browser in browsers for _ in range(REFRESHES)]
        assert statuses.count(200) == 2 * REFRESHES
        assert statuses.count(429) == REFRESHES
        elsewhere = await ann_of(at, 9, "192.0.2.1")
        assert (await elsewhere.refresh()).status == 200

    async def test_a_flood_is_one_line_of_the_log_a_minute(self, at: GateHarness) -> None:
        ann = await ann_of(at)
        for _ in range(REFRESHES + 20):
            await ann.refresh()
        (event,) = at.named("excess_rate_limit_exceeded")
        assert isinstance(event, RateExceeded)
        assert (event.what, event.address) == ("refresh", "203.0.113.0/24")


class TestRegistrations:
    async def test_one_network_makes_so_many_accounts_an_hour(self, at: GateHarness) -> None:
        for number in range(REGISTRATIONS):
            await ann_of(at, number, f"198.51.100.{number}")
        before = at.hasher.calls
        refused = await Browser(at.gate.asgi, address="198.51.100.99").register("more@example.com")
        assert (refused.status, refused.code) == (429, "too-many-attempts")
        assert at.hasher.calls == before, "limits apply before hashing"
        at.clock.advance(int(refused.one("retry-after")))
        await ann_of(at, 7, "198.51.100.99")

    async def test_ipv6_is_counted_by_network_too(self, at: GateHarness) -> None:
        for number in range(REGISTRATIONS):
            await ann_of(at, number, f"2001:db8:1:{number}::1")
        assert (await Browser(at.gate.asgi, address="2001:db8:1:ffff::1").register("x@example.com")).status == 429
        await ann_of(at, 8, "2001:db8:2::1")


def members_of(endpoint: Endpoint) -> set[str]:
    """The members of a request's body."""
    return set(endpoint.body.model_fields) if endpoint.body else set()


HASHING = [endpoint for endpoint in DESCRIBED if members_of(endpoint) & {"password", "current", "new"}]


class TestShares:
    """One network does not fill the queue before the hashing threads."""

    async def test_of_a_full_queue_the_network_with_most_is_refused_and_others_get_through(self) -> None:
        async with open_gate(limits=Limits(hashing_queue=6)) as at:
            await ann_of(at)
            hashing = asyncio.Event()
            hash_ = at.hasher.hash

            async def wait_and_hash(password: str) -> str:
                await hashing.wait()
                return await hash_(password)

            at.hasher.hash = wait_and_hash  # type: ignore[method-assign]
            at_once = hashing_threads() + 1
            greedy = [asyncio.ensure_future(Browser(at.gate.asgi).login("0@example.com")) for _ in range(at_once + 8)]
            await becomes(lambda: sum(each.done() for each in greedy) == 2)
            elsewhere = [Browser(at.gate.asgi, address=f"192.0.{number}.1") for number in range(3)]
            others = [asyncio.ensure_future(browser.login("0@example.com")) for browser in elsewhere]
            await becomes(lambda: sum(each.done() for each in greedy) == 2 + len(others))
            refused = [each.result() for each in greedy if each.done()]
            assert {(answer.status, answer.code) for answer in refused} == {(503, "overloaded")}
            assert all(int(answer.one("retry-after")) >= 1 for answer in refused)
            hashing.set()
            assert [(await each).status for each in others] == [200] * len(others)
            assert [(await each).status for each in greedy].count(200) == at_once + 3
            assert (await Browser(at.gate.asgi).login("0@example.com")).status == 200, "and there is room again"

    async def test_a_body_that_does_not_arrive_takes_no_place_in_the_queue(self) -> None:
        async with open_gate(limits=Limits(hashing_queue=1)) as at:
            await ann_of(at)
            sent: list[asyncio.Event] = []

            async def receive() -> dict[str, object]:
                sent.append(asyncio.Event())
                await asyncio.Event().wait()
                raise AssertionError

            async def send(_: object) -> None: ...

            slow = [asyncio.ensure_future(at.gate.asgi(head_of_login(), receive, send)) for _ in range(40)]
            await becomes(lambda: len(sent) == len(slow))
            assert (await Browser(at.gate.asgi).login("0@example.com")).status == 200
            for each in slow:
                each.cancel()

    @pytest.mark.parametrize("endpoint", HASHING, ids=lambda endpoint: endpoint.name)
    async def test_every_endpoint_that_takes_a_password_waits_its_turn_in_its_network(
        self, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        turns: list[str | None] = []
        real = FairQueue.turn

        def noting(queue: FairQueue, network: str | None) -> contextlib.AbstractAsyncContextManager[None]:
            turns.append(network)
            return real(queue, network)

        async with post() as at:
            ann = await at.verified()
            ann.address = "192.0.2.9"
            path = {"confirmRegistration": "/register", "resetPassword": "/password/forgot"}.get(endpoint.name)
            if path is not None:
                email = "carl@example.com" if path == "/register" else "ann@example.com"
                await at.ask(path, {"email": email, "password": PASSWORD} if path == "/register" else {"email": email})
            token = await at.token()
            monkeypatch.setattr(FairQueue, "turn", noting)
            values = {
                "email": "new@example.com",
                "password": PASSWORD,
                "current": PASSWORD,
                "new": "eight green bottles on a wall",
                "token": token,
            }
            body = {name: value for name, value in values.items() if name in members_of(endpoint)}
            await at.ask(endpoint.path, body, browser=ann, method=endpoint.method)
            assert turns
            assert set(turns) == {"192.0.2.0/24"}


def head_of_login() -> dict[str, object]:
    """The scope of a sign-in whose body is announced."""
    headers = [(b"content-length", b"70"), (b"content-type", b"application/json"), (b"gatepass-client", b"1")]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": "/login",
        "raw_path": b"/login",
        "query_string": b"",
        "headers": [*headers, (b"host", b"gate.example")],
        "client": ("203.0.113.7", 50_000),
        "server": ("gate.example", 443),
    }


@pytest.mark.parametrize("fault", [{"sign_ins_at_once": 0}, {"slow_request": 0}, {"connections": 0}])
def test_a_limit_of_nothing_is_refused(fault: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        Limits(**fault)  # type: ignore[arg-type]


def test_a_rate_that_is_text_is_refused_with_how_to_write_it() -> None:
    with pytest.raises(ConfigurationError, match=r"`refresh_rate` must be a Rate: .*Rate\.parse"):
        Limits(refresh_rate="60/1m")  # type: ignore[arg-type]


@pytest.mark.slow
async def test_the_defaults_are_no_obstacle_to_anybody() -> None:
    """A thousand refreshes in one second, and a class that signs up at once, from one address."""
    async with open_gate() as at:
        ann = await ann_of(at)
        assert {(await ann.refresh()).status for _ in range(1000)} == {200}
        assert [(await ann_of(at, number)).sid for number in range(1, 40)]
