"""Which kinds of hashes there are is asked again and again, and anew where it could not be learned."""

from collections.abc import Sequence

import pytest

from gatepass.accounts.passwords.queue import FairQueue
from gatepass.accounts.passwords.rules import SAMPLE_INTERVAL, Passwords
from gatepass.core.policy import Policy
from gatepass.core.secret import Secret
from gatepass.errors import StoreUnavailable
from gatepass.testing.clock import FastHasher, ManualClock


class Sampled:
    """A store with one kind of hashes, which may be unavailable."""

    def __init__(self) -> None:
        self.is_away = False
        self.asked = 0

    async def __call__(self) -> Sequence[str]:
        self.asked += 1
        if self.is_away:
            raise StoreUnavailable
        return ()


async def test_a_sample_that_failed_is_taken_at_the_next_sign_in() -> None:
    sample, clock = Sampled(), ManualClock()
    passwords = Passwords(
        FastHasher(),
        queue=FairQueue(running=1, waiting=1),
        sample=sample,
        policy=Policy(),
        service_words=(),
        clock=clock,
    )
    await passwords.learn_kinds()
    clock.advance(SAMPLE_INTERVAL)
    sample.is_away = True
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await passwords.verify(None, Secret("a password"), network=None)
    sample.is_away = False
    for _ in range(2):
        assert not await passwords.verify(None, Secret("a password"), network=None)
    assert sample.asked == 4
