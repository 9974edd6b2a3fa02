"""What an ID token must say: each lie is refused, and no session begins."""

from collections.abc import Callable

import pytest

from tests.oidc.answers import Claims, why
from tests.support.browser import RT
from tests.support.gates import GateHarness
from tests.support.person import Person, error_of
from tests.support.provider import Provider, callback


def without(name: str) -> Callable[[Claims], Claims]:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


def with_(**more: object) -> Callable[[Claims], Claims]:
    return lambda claims: {**claims, **more}


def later(name: str, seconds: int) -> Callable[[Claims], Claims]:
    return lambda claims: {**claims, name: claims["iat"] + seconds}


class TestClaims:
    @pytest.mark.parametrize(
        ("lie", "said"),
        [
            (with_(iss="https://evil.example"), "iss"),
            (without("iss"), "iss"),
            (with_(iss=["x"]), "iss"),
            (with_(aud="another-client"), "aud"),
            (with_(aud=[]), "aud"),
            (without("aud"), "aud"),
            (with_(aud=["the-gate", "another-client"]), "azp"),
            (with_(azp="another-client"), "azp"),
            (later("exp", -60), "expired"),
            (without("exp"), "exp"),
            (with_(exp="tomorrow"), "exp"),
            (with_(exp=True), "exp"),
            (later("iat", 61), "clocks"),
            (later("iat", -3661), "clocks"),
            (later("nbf", 61), "not valid yet"),
            (with_(nonce="another"), "nonce"),
            (without("nonce"), "nonce"),
            (with_(nonce=None), "nonce"),
            (with_(at_hash="AAAA"), "at_hash"),
            (without("sub"), "sub"),
            (with_(sub=""), "sub"),
            (with_(sub="x" * 256), "sub"),
            (with_(sub=7), "sub"),
        ],
    )
    async def test_a_lie_is_refused(
        self, at: GateHarness, provider: Provider, person: Person, lie: Callable[[Claims], Claims], said: str
    ) -> None:
        provider.claims = lie
        assert error_of(await person.sign_in_at(provider)) == "provider-error"
        assert RT not in person.jar
        assert said in why(at)

    @pytest.mark.parametrize(
        "claims",
        [
            with_(aud=["the-gate"]),
            with_(aud=["another", "the-gate"], azp="the-gate"),
            with_(azp="the-gate"),
            later("iat", 59),
            later("exp", -59),
            later("nbf", 59),
            with_(exp=4_000_000_000.5),
            with_(name=["x"], amr="pwd", acr=7, auth_time="x", sid=7),
        ],
    )
    async def test_what_differs_within_the_rules_is_accepted(
        self, provider: Provider, person: Person, claims: Callable[[Claims], Claims]
    ) -> None:
        provider.claims = claims
        assert (await person.sign_in_at(provider)).one("location") == "/"


class TestWhatIsAsked:
    async def test_an_older_sign_in_than_asked_is_refused(self, at: GateHarness, person: Person) -> None:
        with Provider(at.clock.now) as provider:
            at.gate.oidc("strict", **provider.options, max_age=300, prompt="login")
            provider.claims = later("auth_time", -361)
            assert error_of(await person.sign_in_at(provider, "strict")) == "sign-in-too-weak"
            provider.claims = without("auth_time")
            assert error_of(await person.sign_in_at(provider, "strict")) == "provider-error"
            provider.claims = later("auth_time", -300)
            assert (await person.sign_in_at(provider, "strict")).one("location") == "/"

    async def test_one_sign_in_may_ask_for_a_recent_one_and_is_held_to_it(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        """From its own start: a person may take minutes there. No page loosens what the provider is set to."""
        provider.claims = later("auth_time", -61 - 300)
        assert error_of(await person.sign_in_at(provider, max_age=300)) == "sign-in-too-weak"
        provider.claims = without("auth_time")
        assert error_of(await person.sign_in_at(provider, max_age=300)) == "provider-error"
        provider.claims = later("auth_time", -300)
        assert (await person.sign_in_at(provider, max_age=300)).one("location") == "/"
        started = await person.start(max_age=0, prompt="login")
        at.clock.advance(540)
        provider.claims = later("auth_time", -500)
        answer = await person.open(callback("acme", provider.answer(started.json()["location"])), site="cross-site")
        assert answer.one("location") == "/"
        with Provider(at.clock.now) as strict:
            at.gate.oidc("strict", **strict.options, max_age=300)
            strict.claims = later("auth_time", -400)
            assert error_of(await person.sign_in_at(strict, "strict", max_age=900)) == "sign-in-too-weak"

    async def test_a_weaker_sign_in_than_asked_is_refused(self, at: GateHarness, person: Person) -> None:
        with Provider(at.clock.now) as provider:
            at.gate.oidc("mfa", **provider.options, acr_values=["phr", "phrh"])
            assert error_of(await person.sign_in_at(provider, "mfa")) == "sign-in-too-weak"
            provider.claims = with_(acr="phrh")
            assert (await person.sign_in_at(provider, "mfa")).one("location") == "/"


class TestTenants:
    """Microsoft: one discovery document for many issuers."""

    async def tenant(self, at: GateHarness, tenants: list[str], tid: str, iss: str = "") -> str:
        with Provider(at.clock.now) as provider:
            at.gate.oidc("microsoft", **provider.options, tenants=tenants)
            provider.metadata = lambda members: {**members, "issuer": provider.issuer + "/{tenantid}/v2.0"}
            provider.claims = with_(iss=iss or f"{provider.issuer}/{tid}/v2.0", tid=tid)
            person = Person(at.gate.asgi)
            started = await person.start("microsoft")
            if started.status != 200:
                return started.code
            return (await person.sign_in_at(provider, "microsoft")).one("location")

    async def test_an_accepted_tenant_signs_in(self, at: GateHarness) -> None:
        assert await self.tenant(at, ["t-1", "t-2"], "t-2") == "/"

    async def test_every_tenant_may_be_accepted(self, at: GateHarness) -> None:
        assert await self.tenant(at, ["*"], "t-9") == "/"

    async def test_another_one_does_not(self, at: GateHarness) -> None:
        assert "provider-error" in await self.tenant(at, ["t-1"], "t-2")

    async def test_nor_one_whose_issuer_is_another_tenants(self, at: GateHarness) -> None:
        assert "provider-error" in await self.tenant(at, ["t-1"], "t-1", iss="https://localhost/t-2/v2.0")

    async def test_without_tenants_the_operator_is_told_to_name_them(self, at: GateHarness) -> None:
        assert await self.tenant(at, [], "t-1") == "provider-error"
        assert "`tenants`" in why(at)
