"""One recovery code shown many times at once, in each store (artifact-keeper#1822: 14 of 30 were accepted)."""

import asyncio
from pathlib import Path

import pytest

from gatepass.core.policy import Policy
from gatepass.ports import Store
from tests.support.browser import Browser
from tests.support.factors import enrol
from tests.support.gates import WatchedStore, open_gate
from tests.support.second_step import ticket_of
from tests.support.stores import KINDS, empty_store

pytestmark = pytest.mark.slow

AT_ONCE = [4, 30]
"""As many as may try, and more: of those the counts refuse some before they look at the code, or all."""


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return await empty_store(request.param, tmp_path)


@pytest.mark.parametrize("number", AT_ONCE)
async def test_of_many_browsers_with_one_recovery_code_one_signs_in(store: Store, number: int) -> None:
    async with open_gate(policy=Policy(registration="open"), store=WatchedStore(store)) as at:
        assert (await Browser(at.gate.asgi).register()).status == 201
        app = await enrol(at)
        # Each from a network of its own, so that what is counted against one does not refuse the others.
        others = [Browser(at.gate.asgi, key=bytes([n]) * 32, address=f"198.51.{n}.7") for n in range(1, number + 1)]
        tickets = [await ticket_of(other) for other in others]

        async def pause(_verb: str) -> None:
            await asyncio.sleep(0)

        at.store.before = pause
        answers = await asyncio.gather(
            *(
                other.ask("/login/recovery", ticket=ticket, code=app.recovery_codes[0])
                for other, ticket in zip(others, tickets, strict=True)
            )
        )
        at.store.before = None
        accepted = [answer for answer in answers if answer.status == 200]
        assert len(accepted) == 1 if number == AT_ONCE[0] else len(accepted) <= 1
        assert {answer.code for answer in answers if answer.status != 200} <= {"invalid-code", "too-many-attempts"}
        assert len(at.named("authn_recovery_code_used")) == len(accepted)
        assert len(at.named("session_created")) == 1 + len(accepted), "that of the registration, and that of the code"
