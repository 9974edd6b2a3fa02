"""What the system and the mail must supply."""

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from typing import Protocol


class Clock(Protocol):
    """The current time, as the rules of the protocol use it."""

    def now(self) -> int:
        """Unix time in whole seconds."""


class Entropy(Protocol):
    """The source of all tokens, nonces and keys. Must be cryptographically secure."""

    def token_bytes(self, count: int) -> bytes:
        """`count` bytes that no caller can predict."""


class PasswordHasher(Protocol):
    """Slow hashing off the event loop. Gatepass bounds how many calls run and how many wait."""

    async def hash(self, password: str) -> str:
        """A PHC string with a fresh salt."""

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password matches the hash; None never does. The same work for None and every kind expected."""

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with weaker parameters than the current ones."""

    def expect(self, hashes: Iterable[str]) -> None:
        """Be told which kinds of hashes there are: one example of each, in place of those told before."""


@dataclass(frozen=True, slots=True)
class Message:
    """One mail, as plain text. `to` is a single address. The text may hold a link that gives access to an account."""

    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)


class Mailer(Protocol):
    """Hands mail to the system that delivers it."""

    def send(self, message: Message) -> Awaitable[None] | None:
        """Return once the mail is accepted. Raises DeliveryFailed, which says whether trying again may help.

        Async or plain; a plain one runs on a thread.
        """
