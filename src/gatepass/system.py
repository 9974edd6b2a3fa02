"""The real clock and the real randomness."""

import secrets
import time


class SystemClock:
    """Wall-clock time."""

    def now(self) -> int:
        """Whole Unix seconds."""
        return int(time.time())


class SystemEntropy:
    """The operating system's generator."""

    def token_bytes(self, count: int) -> bytes:
        """`count` unpredictable bytes."""
        return secrets.token_bytes(count)
