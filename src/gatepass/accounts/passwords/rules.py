"""What a new password must be, and how passwords are hashed and compared: the policy and the hasher in one place.

A password that has not passed the policy cannot be hashed: `hash_password` takes what `check_policy` returns.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import NewType

from gatepass.accounts.passwords.blocklist import load_blocklist
from gatepass.accounts.passwords.queue import FairQueue
from gatepass.core.password import find_violation, is_overlong, normalise
from gatepass.core.policy import MINUTE, Policy
from gatepass.core.secret import Secret
from gatepass.errors import Unprocessable
from gatepass.ports import Clock, PasswordHasher
from gatepass.problem_codes import ProblemCode

NewPassword = NewType("NewPassword", Secret)
"""A password that passed the policy, in normal form."""
SAMPLE_INTERVAL = MINUTE
"""Seconds after which the store is asked again which kinds of hashes there are: another process may import some."""


class Passwords:
    """What is hashed waits its turn in `queue`; `network` says whose turn it is."""

    def __init__(
        self,
        hasher: PasswordHasher,
        *,
        queue: FairQueue,
        sample: Callable[[], Awaitable[Sequence[str]]],
        policy: Policy,
        service_words: Collection[str],
        clock: Clock,
    ) -> None:
        """`sample` finds one hash of each kind in the store.

        `service_words` are words of the service, such as its host, of which no password may be made.
        """
        self._hasher = hasher
        self._queue = queue
        self._sample = sample
        self._policy = policy
        self._service_words = tuple(service_words)
        self._clock = clock
        self._sampled_at: int | None = None

    def check_policy(self, password: Secret, email_key: str) -> NewPassword:
        """The password, fit to be hashed. Raises Unprocessable (`password-…`). Cheap: nothing is hashed."""
        normal = Secret(normalise(password.reveal()))
        local_part = email_key.partition("@")[0]
        violation = find_violation(
            normal.reveal(),
            self._policy,
            blocklist=load_blocklist(),
            context=(email_key, local_part, *self._service_words),
        )
        if violation is not None:
            raise Unprocessable(violation.code, violation.detail)
        return NewPassword(normal)

    async def learn_kinds(self) -> None:
        """Tell the hasher which kinds of hashes the store has, so that a comparison costs the same for all of them."""
        before, self._sampled_at = self._sampled_at, self._clock.now()  # first: others need not ask meanwhile
        try:
            self._hasher.expect(await self._sample())
        except BaseException:
            self._sampled_at = before
            raise

    async def hash_password(self, password: NewPassword, *, network: str | None) -> str:
        """A PHC string. Raises Overloaded."""
        async with self._queue.turn(network):
            return await self._hasher.hash(password.reveal())

    def refuse_overlong(self, password: Secret) -> None:
        """Raise Unprocessable (`password-too-long`): hashing must not even begin."""
        if is_overlong(normalise(password.reveal()), self._policy):
            raise Unprocessable(
                ProblemCode.PASSWORD_TOO_LONG, f"A password has at most {self._policy.password_max} characters."
            )

    async def verify(self, password_hash: str | None, password: Secret, *, network: str | None) -> bool:
        """Whether the hash is of this password; None costs the same work and is always False. Raises Overloaded."""
        if self._sampled_at is None or not 0 <= self._clock.now() - self._sampled_at < SAMPLE_INTERVAL:
            await self.learn_kinds()
        async with self._queue.turn(network):
            return await self._hasher.verify(password_hash, normalise(password.reveal()))

    async def rehash(self, password_hash: str, password: Secret, *, network: str | None) -> str | None:
        """A hash with today's parameters, or None if `password_hash` has them (standards PW-08). Raises Overloaded.

        For the password that was just verified: an old password may violate today's policy and stays valid.
        """
        if not self._hasher.is_outdated(password_hash):
            return None
        async with self._queue.turn(network):
            return await self._hasher.hash(normalise(password.reveal()))
