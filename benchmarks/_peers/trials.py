"""What a peer does when it gets real: eight refreshes at once with one token, and tokens in the hands of a thief."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks._browsers import connected
from benchmarks._peers.browser import PeerBrowser

PARALLEL = 8
FURTHER = 2
"""Refreshes after which a system that answers one token twice for a while does so no more."""


@dataclass(slots=True)
class Trials:
    """What came of them.

    `answers`: how often each status was answered; `chains`: how many sessions lived on side by side, trial by trial.
    `stolen`, `used`: what was answered to a thief; `newest`, `access`: whether the owner's tokens worked after `used`.
    """

    answers: Counter[int] = field(default_factory=Counter)
    chains: list[int] = field(default_factory=list)
    stolen: int = 0
    used: int = 0
    newest: bool = False
    access: bool = False


async def try_out(new: Callable[[], PeerBrowser], times: int) -> Trials:
    """All trials of a peer; the parallel ones so many times."""
    done = Trials()
    for _ in range(times):
        await _in_parallel(new(), done)
    await _newest_stolen(new(), done)
    await _used(new(), done)
    return done


async def _in_parallel(browser: PeerBrowser, done: Trials) -> None:
    """All present one token; then each different token that was answered goes its own way."""
    async with connected([browser]):
        await browser.enter()
        await browser.refresh()
    copies = [browser.copied() for _ in range(PARALLEL)]
    async with connected(copies):
        answers = await asyncio.gather(*(each.present() for each in copies))
    done.answers.update(status for status, _ in answers)
    good = {each.token: each for each, (status, _) in zip(copies, answers, strict=True) if status == 200}
    done.chains.append(sum([await _lives(each) for each in good.values()]))


async def _lives(browser: PeerBrowser) -> bool:
    """Whether its token works, after those before it were exchanged several times over."""
    async with connected([browser]):
        statuses = [(await browser.present())[0] for _ in range(1 + FURTHER)]
    return statuses[0] == 200


async def _newest_stolen(browser: PeerBrowser, done: Trials) -> None:
    """A thief presents the newest token before its owner does."""
    async with connected([browser]):
        await browser.enter()
        await browser.refresh()
    thief = browser.stolen()
    async with connected([thief]):
        done.stolen = (await thief.present())[0]


async def _used(browser: PeerBrowser, done: Trials) -> None:
    """Sign in, refresh twice, and a thief presents the first token; then the newest ones."""
    async with connected([browser]):
        await browser.enter()
        thief = browser.stolen()
        for _ in range(2):
            await browser.refresh()
        if not await browser.is_let_in():
            raise SystemExit("the access token of a fresh session is refused")
    async with connected([thief]):
        done.used = (await thief.present())[0]
    async with connected([browser]):
        done.access = await browser.is_let_in()
        done.newest = (await browser.present())[0] == 200


def said(answers: Counter[int]) -> Sequence[str]:
    """Such as 200 × 8, most frequent first."""
    return [f"{count} × {status}" for status, count in answers.most_common()]
