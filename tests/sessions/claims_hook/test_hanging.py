"""A claims hook that hangs delays its own sign-in for a bounded time, and no other."""

import asyncio
import threading

import pytest

from gatepass.core.claims import Tokens
from gatepass.core.event import ClaimsFailed
from gatepass.core.session import Session
from gatepass.errors import ConfigurationError
from gatepass.sessions import claims as hooks
from tests.sessions.claims_hook.switch import Claims, Switch
from tests.support.browser import Browser
from tests.support.gates import open_gate
from tools.services.patience import patience


class TestHanging:
    async def test_one_that_hangs_delays_no_guarded_call_and_no_other_account(self) -> None:
        forever, asked = asyncio.Event(), asyncio.Event()
        hanging: list[str] = []

        async def claims(session: Session) -> Claims:
            if session.account_id in hanging:
                asked.set()
                await forever.wait()
            return {}

        async with open_gate(tokens=Tokens(claims=claims, claims_timeout=600)) as at:
            ann, bob = Browser(at.gate.asgi), Browser(at.gate.asgi)
            await ann.register()
            await bob.register(email="bob@example.com")
            hanging.append(at.gate.check.principal([ann.bearer[1]]).account_id)
            waiting = asyncio.ensure_future(ann.refresh())
            await asked.wait()
            assert (await bob.refresh()).status == 200
            assert at.gate.check.principal([ann.bearer[1]]).account_id == hanging[0]
            assert not waiting.done()
            forever.set()
            assert (await waiting).status == 200

    async def test_one_that_hangs_is_given_up(self, switch: Switch) -> None:
        async with open_gate(tokens=Tokens(claims=switch, claims_timeout=1)) as at:
            ann = Browser(at.gate.asgi)
            await ann.register()
            switch.act = lambda session: asyncio.Event().wait()
            answer = await ann.refresh()
        assert (answer.status, answer.code) == (503, "claims-unavailable")
        (event,) = (event for event in at.events if isinstance(event, ClaimsFailed))
        assert event.why == "The claims hook did not answer within 1 s."

    async def test_plain_hooks_that_hang_take_no_thread_from_other_accounts(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of one account a bounded number run, so 100 of its refreshes leave the others their threads."""
        monkeypatch.setattr(hooks, "MAX_THREADS", hooks.MAX_CALLS + 1)
        forever, hanging, running = threading.Event(), set[str](), []

        def claims(session: Session) -> Claims:
            if session.account_id in hanging:
                running.append(1)
                forever.wait()
            return {}

        async with open_gate(tokens=Tokens(claims=claims, claims_timeout=600)) as at:
            ann, bob = Browser(at.gate.asgi), Browser(at.gate.asgi)
            await ann.register()
            await bob.register(email="bob@example.com")
            hanging.add(at.gate.check.principal([ann.bearer[1]]).account_id)
            waiting = [asyncio.ensure_future(ann.clone(key=ann.key).refresh()) for _ in range(20)]
            async with patience():
                while len(running) < hooks.MAX_CALLS:
                    await asyncio.sleep(0)
            assert (await bob.refresh()).status == 200
            assert len(running) == hooks.MAX_CALLS
            forever.set()
            assert {answer.status for answer in await asyncio.gather(*waiting)} == {200}

    async def test_a_plain_one_that_is_given_up_keeps_its_turn_until_its_thread_ends(self) -> None:
        forever, hangs, asked = threading.Event(), threading.Event(), []

        def claims(session: Session) -> Claims:
            if hangs.is_set():
                asked.append(1)
                forever.wait()
            return {}

        async with open_gate(tokens=Tokens(claims=claims, claims_timeout=1)) as at:
            ann = Browser(at.gate.asgi)
            await ann.register()
            hangs.set()
            answers = await asyncio.gather(*(ann.clone(key=ann.key).refresh() for _ in range(hooks.MAX_CALLS + 2)))
            assert {answer.status for answer in answers} == {503}
            assert len(asked) == hooks.MAX_CALLS, "the others waited for a turn, and started no thread"
            hangs.clear()
            forever.set()
            async with patience():
                while (await ann.refreshed()).status != 200:
                    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"claims_timeout": 0}, "claims_timeout"),
        ({"max_token_length": 100}, "max_token_length"),
        ({"max_token_length": 9000}, "max_token_length"),
    ],
)
def test_a_bound_that_cannot_hold_is_refused(options: dict[str, int], option: str) -> None:
    with pytest.raises(ConfigurationError, match=option):
        Tokens(**options)  # type: ignore[arg-type]
