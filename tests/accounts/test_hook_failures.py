"""Hooks that fail, hang or are written wrongly: no act happens, and the operator is told."""

import asyncio
import contextlib
import functools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from gatepass import ConfigurationError, HookFacts, Refused, SessionEnded, StoreUnavailable, TooManyAttempts
from gatepass.accounts import hooks as hooks_module
from tests.support.browser import EMAIL, Browser
from tests.support.gates import GateHarness
from tests.support.hooks import Asked, SignUp


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
