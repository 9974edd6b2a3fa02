"""The one object: what it refuses, what it opens and closes, how it treats its parts."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import gatepass
from gatepass import ConfigurationError, Gatepass
from gatepass.core.claims import Tokens
from gatepass.core.keyring import Secrets
from gatepass.core.policy import DAY, Policy
from gatepass.server.limits import Limits
from gatepass.wire.browsers import Browsers
from tests.support.browser import ORIGIN, Browser
from tests.support.fake_time import FakeTime
from tests.support.gates import SECRET, GateHarness, open_gate

BARE = "dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z_0Me0"
"""Random, but without the prefix and the checksum that only a program writes."""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (lambda: {"secrets": []}, "there is no secret"),
        (lambda: {"secrets": ["short"]}, "gatepass init"),
        (lambda: {"secrets": [BARE]}, "`secrets`: a secret begins with gp_sk_"),
        (lambda: {"secrets": [SECRET, SECRET]}, "share a key id"),
        (lambda: {"public_url": "http://gate.example"}, "https"),
        (lambda: {"public_url": "ftp://gate.example"}, "not an http"),
        (lambda: {"public_url": "https://gate.example/app"}, "must be https://gate.example alone"),
        (lambda: {"public_url": "https://gate.example/?a=b"}, "must be https://gate.example alone"),
        (lambda: {"public_url": "http://localhost:8000/app/"}, "must be http://localhost:8000 alone"),
        (lambda: {"browsers": Browsers(origins=["https://a.example/x"])}, "`origins`: an allowed origin"),
        (lambda: {"browsers": Browsers(cookie_path="auth")}, "`cookie_path`"),
        (lambda: {"browsers": Browsers(cookie_path="/a\r\nset-cookie: x")}, "`cookie_path`"),
        (lambda: {"browsers": Browsers(same_site="none"), "public_url": "http://localhost"}, "`same_site` none needs"),
        (lambda: {"browsers": Browsers(trusted_proxies=["x"])}, "`trusted_proxies`"),
        (lambda: {"browsers": Browsers(hsts="yes")}, "`hsts` must be one of"),  # type: ignore[arg-type]
        (lambda: {"tokens": Tokens(algorithm="HS256", audience="https://api.example")}, "HS256 needs one party"),
        (lambda: {"tokens": Tokens(algorithm="RS256")}, "`algorithm` must be one of"),  # type: ignore[arg-type]
        (lambda: {"tokens": Tokens(client_id="")}, "`client_id`"),
        (lambda: {"secrets": Secrets([SECRET], feed=["short"])}, "`feed`: a secret begins with"),
        (lambda: {"limits": Limits(connections=0)}, "`connections` must be at least 1"),
        (lambda: {"limits": Limits(revocation_max_age=0)}, "`revocation_max_age`"),
        (lambda: {"policy": Policy(registration="maybe")}, "`registration`"),  # type: ignore[arg-type]
        (lambda: {"store": "nosql://x"}, "`store` must be postgresql"),
    ],
)
def test_an_impossible_configuration_is_refused_with_a_sentence(
    arguments: Callable[[], dict[str, Any]], sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Gatepass(**{"secrets": [SECRET], "public_url": ORIGIN, "store": "memory://", **arguments()})
    assert sentence in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_package_offers_the_names_that_applications_import() -> None:
    assert all(hasattr(gatepass, name) for name in gatepass.__all__)


async def test_a_restarted_gate_still_refuses_the_passes_of_ended_sessions() -> None:
    async with open_gate() as before:
        ann = Browser(before.gate.asgi)
        await ann.register()
        await ann.logout()
    async with open_gate(store=before.store) as after:
        ann.app = after.gate.asgi
        assert (await ann.get("/me")).status == 401


async def test_revocations_are_forgotten_only_when_no_pass_can_belong_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    time = FakeTime()
    monkeypatch.setattr("gatepass.access.revoked_sessions.time", time)
    async with open_gate() as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        await ann.logout()
        for _ in range(45):  # a pass lives for 15 minutes, and its clock may be set back by an hour
            time.now += 100
            await at.gate._parts.janitor.sweep()
            assert (await ann.get("/me")).status == 401
        time.now += 100
        await at.gate._parts.janitor.sweep()
        assert at.gate.revocations.after(0) == []


async def test_the_janitor_prunes_what_ended_a_day_ago() -> None:
    async with open_gate() as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        await ann.logout()
        at.clock.advance(DAY)
        assert await at.gate._parts.janitor.sweep() == 0
        at.clock.advance(1)
        assert await at.gate._parts.janitor.sweep() == 1
        assert at.memory.rows() == {}


async def test_closing_ends_the_background_work() -> None:
    at = GateHarness()
    await at.gate.open()
    (janitor,) = (task for task in asyncio.all_tasks() if task.get_name() == "gatepass-janitor")
    await at.gate.close()
    assert janitor.cancelled()
    assert at.store.verbs[-1] == "close"


async def test_the_claims_hook_adds_to_the_pass_and_cannot_forge_its_facts() -> None:
    async with open_gate(tokens=Tokens(claims=lambda session: {"tenant": "blue"})) as at:
        ann = Browser(at.gate.asgi)
        await ann.register()
        principal = at.gate.check.principal([ann.bearer[1]])
        assert principal.claims["tenant"] == "blue"
    async with open_gate(tokens=Tokens(claims=lambda session: {"sub": "root"})) as at:
        assert (await Browser(at.gate.asgi).register()).status == 503


async def test_listeners_hear_every_event() -> None:
    async with open_gate() as at:
        heard: list[str] = []

        @at.gate.on_event
        def listen(event: object) -> None:
            heard.append(type(event).__name__)

        await Browser(at.gate.asgi).register()
    assert heard == ["AccountRegistered", "SessionStarted"]  # a gate that closes waits for its listeners


class TestSetting:
    def test_it_can_be_a_gate_its_name_or_its_arguments(self) -> None:
        gate = GateHarness().gate
        assert Gatepass.from_setting(gate) is gate
        assert Gatepass.from_setting("tests.support.gates.SECRET") is SECRET
        assert "gate.example" in repr(Gatepass.from_setting({"SECRETS": [SECRET], "PUBLIC_URL": ORIGIN}))

    def test_an_unknown_argument_is_named(self) -> None:
        with pytest.raises(ConfigurationError, match="'public_ulr'"):
            Gatepass.from_setting({"SECRETS": [SECRET], "PUBLIC_ULR": ORIGIN})
