"""A provider that refuses, fails or answers nonsense: what the page and the operator are told."""

import asyncio
from urllib.parse import quote

import pytest

from gatepass.oidc import fetch
from tests.support.browser import RT, Browser
from tests.support.gates import GateHarness
from tests.support.person import Person, error_of
from tests.support.provider import Provider, callback, send
from tests.support.provider_sign_in import whys


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            ("access_denied", "access-denied"),
            ("login_required", "interaction-required"),
            ("temporarily_unavailable", "provider-unavailable"),
            ("invalid_scope", "provider-error"),
            ("<script>alert(1)</script>", "provider-error"),
        ],
    )
    async def test_what_the_provider_answers_instead_of_a_code_is_told_to_the_page(
        self, at: GateHarness, provider: Provider, person: Person, error: str, code: str
    ) -> None:
        provider.answered = lambda parameters: {"state": parameters["state"], "error": error}
        answer = await person.sign_in_at(provider, return_to="/notes?x=1&gatepass_error=old#end")
        assert answer.one("location") == f"/notes?x=1&gatepass_error={code}#end"
        assert RT not in person.jar
        assert [event.code for event in at.named("authn_provider_refused")] == [code]  # type: ignore[attr-defined]
        assert "script" not in repr(at.events)

    async def test_an_error_signs_nobody_out(self, at: GateHarness, provider: Provider, ann: Browser) -> None:
        person = Person(at.gate.asgi, key=ann.key)
        person.jar = dict(ann.jar)
        provider.answered = lambda parameters: {"state": parameters["state"], "error": "access_denied"}
        await person.sign_in_at(provider)
        assert (await person.refresh()).status == 200


class TestIllProviders:
    async def test_one_that_is_down_is_said_to_be_and_nobody_is_signed_out(
        self, at: GateHarness, provider: Provider, ann: Browser
    ) -> None:
        provider.stop()
        person = Person(at.gate.asgi, key=ann.key)
        person.jar = dict(ann.jar)
        answer = await person.start()
        assert (answer.status, answer.code) == (502, "provider-unavailable")
        assert (await person.open("/oidc/acme/start?return_to=/a")).one("location") == (
            "/a?gatepass_error=provider-unavailable"
        )
        assert (await person.refresh()).status == 200

    async def test_one_that_is_slow_delays_no_one_else_and_ends_in_a_504(
        self, at: GateHarness, provider: Provider, person: Person, ann: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fetch, "EXCHANGE_TIMEOUT", 0.2)
        hold = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wait(_handler: object) -> None:
            asyncio.run_coroutine_threadsafe(hold.wait(), loop).result()

        provider.replies["/.well-known/openid-configuration"] = wait
        starting = asyncio.create_task(person.start())
        assert (await ann.refresh()).status == 200
        answer = await starting
        assert (answer.status, answer.code) == (504, "provider-unavailable")
        hold.set()

    async def test_no_more_requests_than_a_bound_wait_for_one_that_is_slow(
        self, at: GateHarness, provider: Provider, person: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        locations = [(await person.start()).json()["location"] for _ in range(3)]
        monkeypatch.setattr(fetch, "MAX_AT_ONCE", 0)
        answer = await person.open(callback("acme", provider.answer(locations[-1])), site="cross-site")
        assert error_of(answer) == "overloaded"

    @pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token"])
    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (200, b"{" + b" " * 300_000 + b"}"),
            (200, b"<html>"),
            (200, b"[]"),
            (200, b'{"keys": 1, "issuer": 2}'),
            (302, b"{}"),
            (404, b"{}"),
            (500, b"{}"),
            (200, b"[" * 100_000),
        ],
        ids=["huge", "html", "list", "other", "redirect", "404", "500", "deep"],
    )
    async def test_what_cannot_be_used_is_no_sign_in(
        self, at: GateHarness, provider: Provider, person: Person, path: str, status: int, body: bytes
    ) -> None:
        provider.replies[path] = lambda handler: send(handler, status, body)
        started = await person.start()
        if path.startswith("/.well-known"):
            assert started.code in ("provider-unavailable", "provider-error")
            return
        answer = await person.open(callback("acme", provider.answer(started.json()["location"])), site="cross-site")
        assert error_of(answer) in ("provider-unavailable", "provider-error")
        assert RT not in person.jar
        assert whys(at)

    async def test_an_issuer_that_differs_by_a_slash_is_refused_and_the_operator_is_told_what_to_set(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        provider.metadata = lambda members: {**members, "issuer": provider.issuer + "/"}
        assert (await person.start()).code == "provider-error"
        assert f"names the issuer '{provider.issuer}/'" in whys(at)

    async def test_an_outage_is_told_once_a_minute_and_not_for_each_click(
        self, at: GateHarness, provider: Provider, person: Person, caplog: pytest.LogCaptureFixture
    ) -> None:
        provider.replies["/.well-known/openid-configuration"] = lambda handler: send(handler, 500, {})
        for _ in range(3):
            await person.start()
        assert len(at.named("sys_provider_failed")) == 1
        assert [record.name for record in caplog.records if record.levelname == "ERROR"] == []
        at.clock.advance(60)
        await person.start()
        assert len(at.named("sys_provider_failed")) == 2

    async def test_one_failure_of_discovery_is_not_kept(self, provider: Provider, person: Person) -> None:
        provider.replies["/.well-known/openid-configuration"] = lambda handler: send(handler, 500, {})
        assert (await person.start()).status == 502
        provider.replies.clear()
        assert (await person.start()).status == 200

    async def test_documents_that_cannot_be_renewed_are_used_for_a_day(
        self, at: GateHarness, provider: Provider, person: Person
    ) -> None:
        await person.sign_in_at(provider)
        for path in ("/.well-known/openid-configuration", "/jwks"):
            provider.replies[path] = lambda handler: send(handler, 500, {})
        at.clock.advance(20 * 3600)
        assert (await person.sign_in_at(provider)).one("location") == "/"
        at.clock.advance(5 * 3600)
        assert (await person.start()).code == "provider-unavailable"


@pytest.mark.parametrize("age", ["1" * 5_000, "0" * 5_000, "9" * 10, "-1", "1_0", "²"])
async def test_a_link_that_asks_for_an_age_that_is_none_is_refused(
    at: GateHarness, provider: Provider, person: Person, age: str
) -> None:
    """Python reads no number of more than 4,300 digits."""
    answer = await person.open(f"/oidc/acme/start?max_age={quote(age)}")
    assert answer.status == 422
    assert answer.one("content-type").startswith("text/html")
