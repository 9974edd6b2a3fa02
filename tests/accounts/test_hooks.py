"""Hooks around the four acts: what they are told, what they may refuse, and that a bad one harms its own act alone."""

import asyncio
import contextlib
import functools
import threading
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from pydantic import BaseModel, Field

from gatepass import ConfigurationError, HookFacts, Refused, SessionEnded, StoreUnavailable, TooManyAttempts
from gatepass.accounts import hooks as hooks_module
from gatepass.client import AsyncClient, ForbiddenError, MemoryStorage
from gatepass.core.policy import Policy
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.gates import GateHarness, open_gate
from tests.support.mail import Post, Postbox


class SignUp(BaseModel):
    company: str = Field(min_length=2, max_length=40)
    newsletter: bool = False


class Asked:
    """A hook that notes what it is told, and refuses if it has something to raise."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.facts: list[HookFacts[Any]] = []
        self.refusal = refusal

    async def __call__(self, facts: HookFacts[Any]) -> None:
        self.facts.append(facts)
        if self.refusal is not None:
            raise self.refusal


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


class TestFailures:
    @pytest.mark.parametrize(
        "fault",
        [RuntimeError("boom"), SessionEnded(), TooManyAttempts(9), KeyError("x"), StopIteration(), SystemExit(1)],
    )
    async def test_whatever_else_is_raised_is_a_500_and_nothing_happened(
        self, at: GateHarness, fault: BaseException
    ) -> None:
        def plain(_facts: HookFacts[None]) -> None:
            raise fault

        at.gate.before("register")(plain)
        answer = await Browser(at.gate.asgi).register()
        assert (answer.status, answer.code) == (500, "internal-error")
        assert at.hasher.calls == 0
        assert len(at.named("sys_hook_failed")) == 1

    @pytest.mark.parametrize("fault", [asyncio.CancelledError(), SystemExit(1)])
    async def test_a_hook_that_ends_itself_ends_neither_the_request_nor_the_server(
        self, at: GateHarness, fault: BaseException
    ) -> None:
        async def leaving(_facts: HookFacts[None]) -> None:
            raise fault

        at.gate.before("register")(leaving)
        assert (await Browser(at.gate.asgi).register()).code == "internal-error"

    async def test_a_store_that_a_hook_asks_in_vain_is_a_503(self, at: GateHarness) -> None:
        at.gate.before("register")(Asked(StoreUnavailable()))
        assert (await Browser(at.gate.asgi).register()).code == "store-unavailable"

    @pytest.mark.parametrize("kind", ["plain", "async", "stubborn"])
    async def test_a_hook_that_hangs_is_given_up_and_holds_up_no_other(
        self, at: GateHarness, ann: Browser, kind: str
    ) -> None:
        over, gone = threading.Event(), asyncio.Event()

        def plain(_facts: HookFacts[None]) -> None:
            over.wait()

        async def hanging(_facts: HookFacts[None]) -> None:
            await gone.wait()

        async def stubborn(_facts: HookFacts[None]) -> None:
            while not gone.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await gone.wait()

        hook: Callable[..., Any] = {"plain": plain, "async": hanging, "stubborn": stubborn}[kind]
        at.gate.before("register", timeout=0.02)(hook)
        try:
            answers = await asyncio.gather(*(Browser(at.gate.asgi).register(f"{n}@example.com") for n in range(50)))
            assert {(answer.status, answer.code) for answer in answers} == {(503, "hook-timeout")}
            assert (await Browser(at.gate.asgi).login()).status == 200, "sign-ins go on"
            assert await asyncio.to_thread(lambda: "free") == "free", "and so do the threads that all share"
        finally:
            over.set()
            gone.set()

    async def test_calls_of_one_hook_are_bounded(self, at: GateHarness, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hooks_module, "MAX_CALLS", 2)
        over = asyncio.Event()

        async def slow(_facts: HookFacts[None]) -> None:
            await over.wait()

        at.gate.before("register")(slow)
        waiting = [asyncio.create_task(Browser(at.gate.asgi).register(f"{n}@example.com")) for n in range(3)]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result().code for task in done] == ["overloaded"]
        over.set()
        assert sorted([(await task).status for task in waiting]) == [201, 201, 503]

    async def test_a_hook_may_ask_the_gate_itself_from_either_world(self, at: GateHarness, ann: Browser) -> None:
        found = []

        def plain(_facts: HookFacts[None]) -> None:
            found.append(at.gate.sync.accounts.find_by_email(EMAIL))

        async def asynchronous(_facts: HookFacts[None]) -> None:
            found.append(await at.gate.accounts.find_by_email(EMAIL))

        at.gate.before("register")(plain)
        at.gate.before("register")(asynchronous)
        assert (await Browser(at.gate.asgi).register("bob@example.com")).status == 201
        assert len(found) == 2
        assert all(found)


class TestMistakes:
    @pytest.mark.parametrize("kind", ["signup", "sign-in", ""])
    def test_an_unknown_act_is_refused_with_those_that_there_are(self, kind: Any) -> None:
        with pytest.raises(ConfigurationError, match="register, sign_in, change_email, delete"):
            GateHarness().gate.before(kind)(Asked())

    def test_a_model_must_be_one_and_take_no_member_that_is_taken(self) -> None:
        class Email(BaseModel):
            email: str

        class Company(BaseModel):
            company: int

        gate = GateHarness().gate
        with pytest.raises(ConfigurationError, match="pydantic model"):
            gate.before("register", extra=dict)(Asked())  # type: ignore[call-overload]
        with pytest.raises(ConfigurationError, match="taken: email"):
            gate.before("register", extra=Email)(Asked())
        gate.before("register", extra=SignUp)(Asked())
        gate.after("register", extra=SignUp)(Asked())
        with pytest.raises(ConfigurationError, match="taken: company"):
            gate.before("register", extra=Company)(Asked())
        with pytest.raises(ConfigurationError, match="no request"):
            gate.after("delete", extra=Company)(Asked())

    def test_a_function_that_does_not_take_the_facts_is_refused_by_name(self) -> None:
        def takes_none() -> None: ...

        async def takes_two(facts: HookFacts[None], more: str) -> None: ...

        gate = GateHarness().gate
        for bad in (takes_none, takes_two):
            with pytest.raises(ConfigurationError, match=rf"{bad.__name__} must take one argument"):
                gate.before("register")(bad)  # type: ignore[arg-type]
            with pytest.raises(ConfigurationError, match=rf"{bad.__name__} must take one argument"):
                gate.after("delete")(bad)  # type: ignore[arg-type]
        gate.before("register")(functools.partial(takes_two, more=""))
        gate.before("register")(print)

    def test_a_decorator_without_its_act_says_how_it_is_written(self) -> None:
        gate = GateHarness().gate
        for name, decorator in (("before", gate.before), ("after", gate.after)):
            with pytest.raises(ConfigurationError, match=rf'@gate\.{name}\("register"\)'):
                decorator(Asked())  # type: ignore[call-overload]

    @pytest.mark.parametrize(
        ("code", "status", "members"),
        [
            ("Domain", 403, {}),
            ("session_ended", 403, {}),
            ("", 403, {}),
            ("a" * 65, 403, {}),
            ("fine", 401, {}),
            ("fine", 200, {}),
            ("fine", 500, {}),
            ("fine", 403, {"detail": "x"}),
        ],
    )
    def test_a_refusal_cannot_be_mistaken_for_one_of_ours(
        self, code: str, status: int, members: dict[str, Any]
    ) -> None:
        with pytest.raises((ValueError, TypeError)):
            Refused(code, "text", status=status, **members)

    def test_a_code_that_is_also_ours_is_told_apart_and_a_wait_is_a_header_too(self) -> None:
        refused = Refused("session-ended", "No.", status=429, retry_after=60)
        assert (refused.code, refused.title) == ("app:session-ended", "Too Many Requests")
        assert refused.headers == {"Retry-After": "60"}


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
