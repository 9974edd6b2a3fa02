"""The clock and the randomness of a running gate. Tests replace them (`testing/clock.py`)."""

import os
import secrets
import time

from gatepass.core.keyring import SECRET_BYTES, compose_secret


def new_secret() -> str:
    """A new secret for a gate, as `gatepass secret` prints it."""
    return compose_secret(secrets.token_bytes(SECRET_BYTES))


class SystemClock:
    """`ports.Clock` over the wall clock of the machine."""

    def now(self) -> int:
        """The Unix time in whole seconds, rounded down."""
        return int(time.time())


class SystemEntropy:
    """`ports.Entropy` over the generator of the operating system."""

    def token_bytes(self, count: int) -> bytes:
        """`count` bytes that no caller can predict."""
        return os.urandom(count)
