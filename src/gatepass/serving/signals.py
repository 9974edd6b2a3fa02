"""Signals as bytes on a pipe, for processes that wait in a `select` and run no event loop."""

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def signals_into(found: list[int], numbers: Sequence[int]) -> Iterator[int]:
    """Append these signals to `found`. They and SIGCHLD wake a `select` on the yielded file descriptor."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    before = {number: signal.signal(number, lambda number, _: found.append(number)) for number in numbers}
    before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, _: None)
    outer = signal.set_wakeup_fd(wake)
    try:
        yield woken
    finally:
        signal.set_wakeup_fd(outer)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(woken)
        os.close(wake)


def reload_signals(*, is_successor: bool) -> tuple[signal.Signals, ...]:
    """SIGHUP, unless it means something else: the end of a terminal, or nothing (`nohup`, Windows).

    A successor has a parent that gets it.
    """
    number = getattr(signal, "SIGHUP", None)
    if number is None or is_successor or _has_terminal() or signal.getsignal(number) is signal.SIG_IGN:
        return ()
    return (number,)


def _has_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False
