"""A password hasher that costs nothing, for tests that sign in a lot. Never for anything else."""

import hashlib
import hmac


class FastHasher:
    """One SHA-256 where Argon2id would be. Counts its work, so that a test can see that work was done."""

    def __init__(self) -> None:
        self.calls = 0

    async def hash(self, password: str) -> str:
        """Not a PHC string, and not fit for storage."""
        self.calls += 1
        return "test$" + hashlib.sha256(password.encode()).hexdigest()

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the same password."""
        return hmac.compare_digest(await self.hash(password), password_hash or "")

    def is_outdated(self, password_hash: str) -> bool:
        """Never."""
        return False
