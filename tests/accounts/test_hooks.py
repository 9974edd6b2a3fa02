"""Hooks around the four acts: what they are told, what they may refuse, and that a bad one harms its own act alone."""

from typing import Any

import httpx2
import pytest

from gatepass import Refused
from gatepass.client import AsyncClient, ForbiddenError, MemoryStorage
from gatepass.core.policy import Policy
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.hooks import Asked, SignUp
from tests.support.mail import Post, Postbox


def domain_refused() -> Refused:
    return Refused("domain-not-allowed", "Use your address at work.", allowed="example.org")


async def test_a_refusal_before_registration_is_the_applications_own_problem_and_nothing_happened(
    at: GateHarness,
) -> None:
    at.gate.before("register")(Asked(domain_refused()))
    answer = await Browser(at.gate.asgi).register()
    assert answer.status == 403
    assert answer.json() == {
        "type": "urn:gatepass:problem:app:domain-not-allowed",
        "title": "Forbidden",
        "status": 403,
        "detail": "Use your address at work.",
        "code": "app:domain-not-allowed",
        "allowed": "example.org",
    }
    assert answer.cookies == []
    assert at.hasher.calls == 0, "it was refused before the hash"
    assert not {"add_account", "add", "add_registration"} & set(at.store.verbs)


async def test_a_hook_before_registration_is_told_of_the_request_and_of_no_secret(at: GateHarness) -> None:
    asked = Asked()
    at.gate.before("register")(asked)
    browser = Browser(at.gate.asgi)
    assert (await browser.register("Ann@Example.com")).status == 201
    assert (await browser.register("bob@example.com")).status == 201, "its cookies come along"
    first, second = asked.facts
    assert (first.kind, first.email, first.account, first.account_id) == ("register", "Ann@example.com", None, None)
    assert first.request is not None
    assert first.request.network == "203.0.113.0/24"
    assert first.request.client == "Firefox on Linux"
    assert first.request.origin == "https://gate.example"
    assert first.request.user_agent == "Firefox/140.0 Linux"
    assert first.request.headers["sec-fetch-site"] == "same-origin"
    assert second.request is not None
    assert not {"cookie", "authorization"} & second.request.headers.keys()
    assert PASSWORD not in repr(second)


async def test_hooks_are_asked_in_their_order_and_the_first_refusal_is_the_last_question(at: GateHarness) -> None:
    first, second, third = Asked(), Asked(domain_refused()), Asked()
    for hook in (first, second, third):
        at.gate.before("register")(hook)
    await Browser(at.gate.asgi).register()
    assert [len(hook.facts) for hook in (first, second, third)] == [1, 1, 0]


async def test_a_taken_address_is_asked_about_as_a_free_one() -> None:
    async with open_gate(policy=Policy(registration="verify"), mail=Postbox()) as at:
        browser = Browser(at.gate.asgi)
        await browser.register()
        answers = []
        for refusal in (None, domain_refused()):
            hook = Asked(refusal)
            at.gate.before("register")(hook)
            for email in (EMAIL, "free@example.com"):
                answer = await browser.register(email)
                answers.append((answer.status, answer.body.replace(email.encode(), b""), len(hook.facts)))
        assert answers[0][:2] == answers[1][:2]
        assert answers[2][:2] == answers[3][:2]
        assert answers[2][0] == 403


async def test_what_is_beyond_a_limit_or_no_password_is_refused_before_the_hook(at: GateHarness) -> None:
    asked = Asked()
    at.gate.before("register")(asked)
    assert (await Browser(at.gate.asgi).register(EMAIL, "short")).code == "password-too-short"
    assert asked.facts == []


class TestSignIn:
    async def test_it_is_asked_once_the_password_is_proven_and_never_for_a_guess(
        self, at: GateHarness, ann: Browser
    ) -> None:
        asked = Asked(Refused("trial-over", "Your trial is over."))
        at.gate.before("sign_in")(asked)
        browser = Browser(at.gate.asgi)
        assert (await browser.login(EMAIL, "a wrong pass phrase")).code == "invalid-credentials"
        assert (await browser.login("nobody@example.com")).code == "invalid-credentials"
        assert asked.facts == []
        answer = await browser.login()
        assert (answer.status, answer.code, answer.cookies) == (403, "app:trial-over", [])
        assert asked.facts[0].account_id == asked.facts[0].account.id  # type: ignore[union-attr]
        assert asked.facts[0].methods == ("pwd",)
        assert "add" not in at.store.verbs[at.store.verbs.index("lasting_failures") :], "no session began"

    async def test_it_holds_for_the_first_session_after_registration_and_the_account_is_kept(
        self, at: GateHarness
    ) -> None:
        at.gate.before("sign_in")(Asked(Refused("wait", "We look at every registration first.")))
        answer = await Browser(at.gate.asgi).register()
        assert (answer.status, answer.code) == (403, "app:wait")
        assert await at.gate.accounts.find_by_email(EMAIL) is not None

    async def test_it_holds_for_whoever_the_application_has_authenticated(self, at: GateHarness, ann: Browser) -> None:
        asked, told = Asked(), Asked()
        at.gate.before("sign_in")(asked)
        at.gate.after("sign_in")(told)
        account = await at.gate.accounts.find_by_email(EMAIL)
        assert account is not None
        headers = [(b"host", b"gate.example"), (b"user-agent", b"Firefox/140.0 Linux")]
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/callback",
            "headers": headers,
            "client": ("203.0.113.9", 1),
        }
        signed_in = await at.gate.sign_in({**scope, "state": {}}, account.id, methods=("fed",))
        assert [hook.facts[0].methods for hook in (asked, told)] == [("fed",), ("fed",)]
        assert signed_in.headers
        asked.refusal = Refused("trial-over", "Your trial is over.")
        with pytest.raises(Refused, match="trial-over"):
            await at.gate.sign_in({**scope, "state": {}}, account.id, methods=("fed",))
        assert len(told.facts) == 1

    async def test_a_session_that_goes_on_under_a_new_key_is_no_sign_in(self, at: GateHarness, ann: Browser) -> None:
        before, after = Asked(), Asked()
        at.gate.before("sign_in")(before)
        at.gate.after("sign_in")(after)
        answer = await ann.enter("/password", current=PASSWORD, new="eight blue bottles on a wall")
        assert answer.status == 200
        assert before.facts == after.facts == []

    async def test_after_it_the_session_stands_whatever_the_hook_does(self, at: GateHarness, ann: Browser) -> None:
        told = Asked(RuntimeError("a table is missing"))
        at.gate.after("sign_in")(told)
        answer = await Browser(at.gate.asgi).login()
        assert answer.status == 200
        assert len(told.facts) == 1
        assert [(event.hook, event.why) for event in at.named("sys_hook_failed")] == [  # type: ignore[attr-defined]
            ("after sign_in", "RuntimeError")
        ]


async def test_a_change_of_the_address_and_a_deletion_are_asked_about_once_the_password_is_proven() -> None:
    box = Postbox()
    async with open_gate(policy=Policy(registration="open"), mail=box) as at:
        browser = Browser(at.gate.asgi)
        await browser.register()
        change, delete = Asked(Refused("fixed", "Ask the office.")), Asked(Refused("owner", "Pass it on first."))
        at.gate.before("change_email")(change)
        at.gate.before("delete")(delete)
        wrong = await browser.ask("/email", email="new@example.com", password="a wrong pass phrase")
        assert (wrong.code, change.facts) == ("invalid-credentials", [])
        answer = await browser.ask("/email", email="new@example.com", password=PASSWORD)
        assert (answer.code, change.facts[0].email) == ("app:fixed", "new@example.com")
        answer = await browser.ask("/account/delete", password=PASSWORD)
        assert (answer.code, delete.facts[0].email) == ("app:owner", EMAIL)
        assert await at.gate.accounts.find_by_email(EMAIL) is not None
        assert await Post(at, box).mails() == []


class TestExtraMembers:
    async def test_the_hook_gets_the_members_that_it_declared(self, at: GateHarness) -> None:
        asked = Asked()
        at.gate.before("register", extra=SignUp)(asked)
        assert (await Browser(at.gate.asgi).register(company="Acme")).status == 201
        assert asked.facts[0].extra == SignUp(company="Acme")

    @pytest.mark.parametrize(
        ("given", "named"),
        [
            ({}, "company"),
            ({"company": "a"}, "company"),
            ({"company": "Acme", "newsletter": "perhaps"}, "newsletter"),
            ({"company": "Acme", "compny": "x"}, "(unknown member)"),
        ],
    )
    async def test_what_is_missing_wrong_or_unknown_is_named_and_never_repeated(
        self, at: GateHarness, given: dict[str, Any], named: str
    ) -> None:
        asked = Asked()
        at.gate.before("register", extra=SignUp)(asked)
        answer = await Browser(at.gate.asgi).register(**given)
        assert (answer.status, answer.code) == (422, "invalid-body")
        assert [error["field"] for error in answer.json()["errors"]] == [named]
        assert "perhaps" not in answer.body.decode()
        assert "compny" not in answer.body.decode()
        assert asked.facts == []

    async def test_other_bodies_refuse_them_as_ever(self, at: GateHarness) -> None:
        at.gate.before("register", extra=SignUp)(Asked())
        assert (await Browser(at.gate.asgi).login(company="Acme")).code == "invalid-body"

    async def test_they_stand_in_the_document(self, at: GateHarness) -> None:
        before = at.gate.describe()
        assert "company" not in before["components"]["schemas"]["Registration"]["properties"]
        at.gate.before("register", extra=SignUp)(Asked())
        served = (await Browser(at.gate.asgi).get("/openapi.json")).json()
        body = served["components"]["schemas"]["Registration"]
        assert body["properties"]["company"]["minLength"] == 2
        assert {"email", "password", "company"} <= set(body["required"])
        assert "newsletter" not in body["required"]
        assert body["additionalProperties"] is False
        assert "4XX" in served["paths"]["/register"]["post"]["responses"]
        assert "4XX" not in served["paths"]["/login"]["post"]["responses"]
        assert served == at.gate.describe()


async def test_the_python_client_sends_what_rules_require_and_shows_what_they_say(at: GateHarness) -> None:
    at.gate.before("register", extra=SignUp)(asked := Asked(domain_refused()))
    transport = httpx2.ASGITransport(at.gate.served)
    async with AsyncClient("https://gate.example", storage=MemoryStorage(), transport=transport) as client:
        with pytest.raises(ForbiddenError) as refused:
            await client.sign_up(EMAIL, PASSWORD, extra={"company": "Acme", "email": "eve@example.com"})
        assert (refused.value.code, refused.value.detail) == ("app:domain-not-allowed", "Use your address at work.")
        assert refused.value.facts["allowed"] == "example.org"
        asked.refusal = None
        account = await client.sign_up(EMAIL, PASSWORD, extra={"company": "Acme"})
    assert account is not None
    assert not account.email_verified
    assert [facts.extra for facts in asked.facts] == [SignUp(company="Acme")] * 2
