"""The command line as a person meets it: with a terminal that it may ask."""

import fcntl
import os
import pty
import subprocess
import termios
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.process import COMMAND, environment
from tools.services.patience import PATIENCE


def at_terminal(
    folder: Path, *arguments: str, typed: Mapping[str, Callable[[], str]]
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end. `typed` has what is typed after each prompt that contains its key, in order.

    It is asked for when the prompt is there: a code of an app may have run out before a busy machine comes to it.
    """
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    ) as process:
        os.close(theirs)
        for prompt, text in typed.items():
            shown = ""
            while prompt not in shown:
                try:
                    shown += os.read(ours, 1024).decode()
                except OSError:  # EIO: the command has ended, and its terminal with it
                    raise AssertionError(f"{prompt!r} was not asked: {shown}{process.communicate()}") from None
            os.write(ours, f"{text()}\n".encode())
        stdout, stderr = process.communicate(timeout=PATIENCE)
    os.close(ours)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
