"""Puts away what a process of tests or benchmarks has started and made: servers, and the folders of their data.

    at_end(server.remove)     registered where a server is made that the whole process shares

A session of pytest does it as its last act (tests/conftest.py), any other program as it exits. Not both by `atexit`:
xdist kills a process ten seconds after its session, and a loaded machine deletes hundreds of megabytes more slowly.
"""

import atexit
from collections.abc import Callable
from contextlib import ExitStack
from typing import ParamSpec

Parameters = ParamSpec("Parameters")
_made = ExitStack()


def at_end(put_away: Callable[Parameters, object], *args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
    """Call `put_away` once, before all that were registered before it."""
    _made.callback(put_away, *args, **kwargs)


def end() -> None:
    """Put everything away now. What is registered later is put away as the process exits."""
    _made.close()


atexit.register(end)
