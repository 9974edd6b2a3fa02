"""A browser ends with the tests that have started it, however they end.

A driver that is killed leaves its browser behind, and a browser its processes. So each is started by a shell that leads
a group of its own. The shell ends the group as soon as the program ends, or its own standard input: that is a pipe,
which the system closes when the process of the tests is gone.
"""

import subprocess
from collections.abc import Mapping, Sequence

from tools.services.patience import PATIENCE

_SHELL = """{ "$@" </dev/null; kill -KILL 0; } & read -r _; kill -KILL 0"""


class Leashed:
    """A program that runs, with all that it starts. It says nothing."""

    def __init__(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, keep: Sequence[int] = ()
    ) -> None:
        """`keep` are the descriptors that it inherits."""
        self._shell = subprocess.Popen(
            ["sh", "-c", _SHELL, "sh", *command],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=keep,
            start_new_session=True,
        )

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._shell.poll() is not None

    def wait(self) -> bool:
        """Wait for it to end by itself; False if it has not after PATIENCE."""
        try:
            self._shell.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> None:
        """Kill it and its group."""
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        self._shell.wait(PATIENCE)
