"""What the tests of lost factors do: ask, wait, read the mailed link, and complete."""

import re

from gatepass.core.policy import Policy
from tests.support.asgi import Answer
from tests.support.browser import EMAIL, PASSWORD, Browser
from tests.support.factors import account_of
from tests.support.mail import Post

WAIT = Policy().factor_recovery_wait


NEW = "eleven red lanterns at the quay"


async def ticket_of(browser: Browser, *, password: str = PASSWORD) -> str:
    """The ticket of a first step."""
    answer = await browser.login(EMAIL, password)
    assert answer.code == "second-factor-required", answer.body
    return str(answer.json()["ticket"])


async def ask(browser: Browser, *, password: str = PASSWORD) -> Answer:
    """The first step, and that the factors are lost."""
    return await browser.ask("/login/factor-recovery", ticket=await ticket_of(browser, password=password))


async def complete(browser: Browser, token: str, *, password: str = PASSWORD) -> Answer:
    """Another sign-in, and the mailed link."""
    ticket = await ticket_of(browser, password=password)
    return await browser.enter("/login/factor-recovery/complete", ticket=ticket, token=token)


async def link_of(at: Post) -> str:
    """The token of the newest mail about lost factors."""
    found = [re.search(r"#token=(gp_fr_\S+)", mail.text) for mail in await at.mails()]
    return next(match[1] for match in reversed(found) if match)


async def asked(at: Post, browser: Browser) -> str:
    """Ask, and wait. Returns the token of the mailed link."""
    assert (await ask(browser)).status == 202
    at.at.clock.advance(WAIT)
    return await link_of(at)


async def pending(at: Post) -> bool:
    return await at.at.store.find_factor_recovery((await account_of(at.at)).id) is not None


async def has_app(at: Post) -> bool:
    return (await at.at.gate.factors.summary((await account_of(at.at)).id)).has_second


async def mailed(at: Post) -> int:
    """How many mails with a link about lost factors went out."""
    return sum("gp_fr_" in mail.text for mail in await at.mails())
