"""Time, randomness and password hashing that a test controls. For tests only."""

import hashlib
import hmac
from collections.abc import Iterable


class ManualClock:
    """A clock that moves only when a test moves it."""

    def __init__(self, now: int = 1_800_000_000) -> None:
        self._now = now

    def now(self) -> int:
        """Return the time in whole Unix seconds."""
        return self._now

    def advance(self, seconds: int) -> None:
        """Move the time on by `seconds`; back, if they are negative."""
        self._now += seconds


class PredictableEntropy:
    """Bytes that differ from call to call and are the same in every run. They protect nothing."""

    def __init__(self) -> None:
        self._count = 0

    def token_bytes(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        self._count += 1
        return self._count.to_bytes(8, "big").rjust(count, b"\x5a")[-count:]


class FastHasher:
    """A password hasher with one SHA-256 instead of Argon2id: it is fast and protects nothing.

    `calls` is the number of hashes, so a test can check that a path does the work of hashing.
    """

    def __init__(self) -> None:
        self.calls = 0

    async def hash(self, password: str) -> str:
        """Return a text that is not a PHC string and not fit for storage."""
        self.calls += 1
        return "test$" + hashlib.sha256(password.encode()).hexdigest()

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Return whether the hash is the password's. Hashes also if there is no hash, as a real hasher must."""
        return hmac.compare_digest(await self.hash(password), password_hash or "")

    def is_outdated(self, password_hash: str) -> bool:
        """Return False: there is one way to hash."""
        return False

    def expect(self, hashes: Iterable[str]) -> None:
        """Do nothing: every hash costs the same."""
