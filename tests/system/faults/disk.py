"""A disk that is full for a while: a tmpfs of a few megabytes, filled to the last byte.

Mounting needs root. Where it is not permitted, the processes concerned are held to files of zero bytes
(RLIMIT_FSIZE): each of their writes then fails too, with EFBIG instead of ENOSPC.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from tools.services.processes import children


class Disk(Protocol):
    """Where a store lives. `how` names the means, for the record."""

    how: str

    def fill(self, pid: int) -> None:
        """No more writes, by this process and its children at least."""
        ...

    def free(self) -> None:
        """Room again."""
        ...


class Tmpfs:
    """A mounted file system of our own."""

    how = "tmpfs"

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self, pid: int) -> None:
        """With zeros, in ever smaller pieces: for everybody."""
        with self._filler.open("wb", buffering=0) as filler:
            for size in (65_536, 4_096, 1):
                with contextlib.suppress(OSError):
                    while filler.write(bytes(size)) == size:
                        pass

    def free(self) -> None:
        """Remove the filler."""
        self._filler.unlink(missing_ok=True)


class Limit:
    """A limit on the size of files that processes write, set as their own user: another one's is for root alone."""

    how = "RLIMIT_FSIZE"

    def __init__(self) -> None:
        self._limited: list[int] = []

    def fill(self, pid: int) -> None:
        """The parent first: whom it starts from then on inherits the limit, and the list of the others is whole."""
        self._limit(pid)
        for child in children(pid):
            self._limit(child)

    def free(self) -> None:
        """Lift the limits of those who still live."""
        while self._limited:
            _limit(self._limited.pop(), "unlimited:")

    def _limit(self, pid: int) -> None:
        self._limited.append(pid)
        _limit(pid, "0:")


def _limit(pid: int, size: str) -> None:
    try:
        owner = Path(f"/proc/{pid}").stat()
    except FileNotFoundError:
        return  # A short-lived child, such as a worker of autovacuum, that has ended since it was listed.
    user: dict[str, Any] = (
        {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    )
    subprocess.run(["prlimit", "--pid", str(pid), f"--fsize={size}"], check=False, capture_output=True, **user)


@contextlib.contextmanager
def small_disk(folder: Path, *, megabytes: int, mounts: bool) -> Iterator[Disk]:
    """`folder` as a disk of its own, or as near as one gets without mounting."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "gatepass-test", str(folder)]
    if not mounts or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        yield Limit()
        return
    try:
        yield Tmpfs(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
