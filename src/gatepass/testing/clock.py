"""Time and randomness that a test holds in its hand."""


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, now: int = 1_800_000_000) -> None:
        self._now = now

    def now(self) -> int:
        """Whole Unix seconds."""
        return self._now

    def advance(self, seconds: int) -> None:
        """Move on, or back with a negative number."""
        self._now += seconds


class PredictableEntropy:
    """Bytes that differ from call to call and are the same in every run. Never for anything but tests."""

    def __init__(self) -> None:
        self._count = 0

    def token_bytes(self, count: int) -> bytes:
        """The next `count` bytes."""
        self._count += 1
        return self._count.to_bytes(8, "big").rjust(count, b"\x5a")[-count:]
