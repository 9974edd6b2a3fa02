"""Lost factors of an account whose address was verified lately: recoveries that begin anew are ready at one time."""

import asyncio

import pytest

from gatepass.errors import StoreUnavailable
from gatepass.factors.recovery import MAIL_EVERY
from tests.support.browser import Browser
from tests.support.factor_recovery import ask, link_of, mailed, pending, ticket_of
from tests.support.factors import App, enrol
from tests.support.mail import Post


@pytest.fixture
async def ann(at: Post) -> Browser:
    return await at.verified()


@pytest.fixture
async def app(at: Post, ann: Browser) -> App:
    return await enrol(at.at)


async def test_the_owner_is_told_of_a_request_that_follows_a_cancelled_one(at: Post, app: App) -> None:
    stranger = at.browser()
    ready_at = (await ask(stranger)).json()["ready_at"]
    token = await link_of(at)
    assert (await at.ask("/factor-recovery/cancel", {"token": token})).status == 204
    at.at.clock.advance(60)
    again = await ask(stranger)
    assert (again.status, again.json()["ready_at"]) == (202, ready_at)
    assert await mailed(at) == 2


async def test_one_whose_mail_could_not_be_queued_is_mailed_at_the_next_attempt_in_the_same_second(
    at: Post, app: App
) -> None:
    phone = at.browser()
    assert await ask_in_vain(at, phone) == "overloaded"
    assert not await pending(at)
    assert (await ask(phone)).status == 202
    assert await pending(at)
    assert await mailed(at) == 1


async def test_a_mail_again_that_could_not_be_queued_is_sent_at_the_next_attempt(at: Post, app: App) -> None:
    phone = at.browser()
    assert (await ask(phone)).status == 202
    assert await mailed(at) == 1
    at.at.clock.advance(MAIL_EVERY + 1)
    assert await ask_in_vain(at, phone) == "overloaded"
    assert await pending(at)
    assert (await ask(phone)).status == 202
    assert await mailed(at) == 2


async def test_a_store_that_fails_as_the_mail_is_made_costs_no_mail(at: Post, app: App) -> None:
    phone, verbs = at.browser(), []

    async def fail_after(verb: str) -> None:
        verbs.append(verb)
        if verb == "use_once" and verbs.count("start_factor_recovery") > 0:
            raise StoreUnavailable("the answer was lost")

    ticket = await ticket_of(phone)
    at.at.store.after = fail_after
    await phone.ask("/login/factor-recovery", ticket=ticket)
    assert await mailed(at) == 1
    at.at.store.after = None


async def ask_in_vain(at: Post, phone: Browser) -> str:
    """Ask while the queue is full."""
    assert at.at.gate.outbox is not None
    queue = at.at.gate.outbox._queue
    ticket, put = await ticket_of(phone), queue.put_nowait

    def full(_queued: object) -> None:
        raise asyncio.QueueFull

    queue.put_nowait = full  # type: ignore[assignment, method-assign]
    answer = await phone.ask("/login/factor-recovery", ticket=ticket)
    queue.put_nowait = put  # type: ignore[method-assign]
    return str(answer.code)
