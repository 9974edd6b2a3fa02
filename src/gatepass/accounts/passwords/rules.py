"""What a new password must be, and how passwords are hashed and compared: the policy and the hasher in one place.

A password that has not passed the policy cannot be hashed: `hash_password` takes what `check_policy` returns.
"""

from collections.abc import Collection
from typing import NewType

from gatepass.accounts.passwords.blocklist import load_blocklist
from gatepass.core.password import find_violation, is_overlong, normalise
from gatepass.core.policy import Policy
from gatepass.core.secret import Secret
from gatepass.errors import Unprocessable
from gatepass.ports import PasswordHasher

NewPassword = NewType("NewPassword", Secret)
"""A password that passed the policy, in normal form."""


class Passwords:
    """`service_words` are words of the service, such as its host, of which no password may be made."""

    def __init__(self, hasher: PasswordHasher, *, policy: Policy, service_words: Collection[str]) -> None:
        self._hasher = hasher
        self._policy = policy
        self._service_words = tuple(service_words)

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

    async def hash_password(self, password: NewPassword) -> str:
        """A PHC string. Raises Overloaded."""
        return await self._hasher.hash(password.reveal())

    def refuse_overlong(self, password: Secret) -> None:
        """Raise Unprocessable (`password-too-long`): hashing must not even begin."""
        if is_overlong(normalise(password.reveal()), self._policy):
            raise Unprocessable("password-too-long", f"A password has at most {self._policy.password_max} characters.")

    async def verify(self, password_hash: str | None, password: Secret) -> bool:
        """Whether the hash is of this password; None costs the same work and is always False. Raises Overloaded."""
        return await self._hasher.verify(password_hash, normalise(password.reveal()))

    async def rehash(self, password_hash: str, password: Secret) -> str | None:
        """A hash with today's parameters, or None if `password_hash` has them (standards PW-08). Raises Overloaded.

        For the password that was just verified: an old password may violate today's policy and stays valid.
        """
        if not self._hasher.is_outdated(password_hash):
            return None
        return await self._hasher.hash(normalise(password.reveal()))
