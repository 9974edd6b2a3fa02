"""What a gate still has to do at the end of a process, while threads can be started.

`atexit` runs its functions after the threads of executors have ended, and those send mail. The threading module has the
earlier moment, which `concurrent.futures` itself uses; it has no public name.
"""

import atexit
import concurrent.futures.thread  # noqa: F401 (registers itself first, so that it ends last)
import threading
from collections.abc import Callable


def at_end(function: Callable[[], None]) -> None:
    """Call `function` when the main thread has ended, before the threads of executors do."""
    getattr(threading, "_register_atexit", atexit.register)(function)
