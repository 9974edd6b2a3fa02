"""The clock and the randomness of a running gate. Tests replace them (`testing/clock.py`)."""

import secrets
import time


class SystemClock:
    """`ports.Clock` over the wall clock of the machine."""

    def now(self) -> int:
        """The Unix time in whole seconds, rounded down."""
        return int(time.time())


class SystemEntropy:
    """`ports.Entropy` over the generator of the operating system."""

    def token_bytes(self, count: int) -> bytes:
        """`count` bytes that no caller can predict."""
        return secrets.token_bytes(count)
