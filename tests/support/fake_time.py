"""The module `time` in a test's hand: a wait is over at once, and it is known how long it would have been."""


class FakeTime:
    """Put it in the place of the name `time` in the module that waits. `slept` are all waits, in seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """The seconds that were slept, and those that a test adds to `now`."""
        return self.now

    def time(self) -> float:
        """The same."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Go on at once, so much later."""
        self.slept.append(seconds)
        self.now += seconds
