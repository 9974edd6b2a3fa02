"""A disk that is full for a while: a tmpfs of a few megabytes, filled to the last byte.

Mounting needs root. If it is not permitted, the processes concerned may only write files of zero bytes (RLIMIT_FSIZE):
then each of their writes fails too, with EFBIG instead of ENOSPC.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from tools.services.processes import children


class Disk(Protocol):
    """The disk of a store. `how` names the means, for the record."""

    how: str

    def fill(self, pid: int) -> None:
        """Make writes fail, at least those of this process and its children."""
        ...

    def free(self) -> None:
        """Make writes succeed again."""
        ...


class Tmpfs:
    """A file system that the test has mounted."""

    how = "tmpfs"

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self, pid: int) -> None:
        """Write zeros in ever smaller pieces, until not one byte fits; this affects all processes."""
        with self._filler.open("wb", buffering=0) as filler:
            for size in (65_536, 4_096, 1):
                with contextlib.suppress(OSError):
                    while filler.write(bytes(size)) == size:
                        pass

    def free(self) -> None:
        """Remove the filler."""
        self._filler.unlink(missing_ok=True)


class Limit:
    """A limit on the size of files that processes write. It is set as their own user, as only root may limit others."""

    how = "RLIMIT_FSIZE"

    def __init__(self) -> None:
        self._limited: list[int] = []

    def fill(self, pid: int) -> None:
        """The parent first: children that it starts later inherit the limit, so the list of children is complete."""
        self._limit(pid)
        for child in children(pid):
            self._limit(child)

    def free(self) -> None:
        """Lift the limits of the processes that have not ended."""
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
    """`folder` as a disk of its own, or a Limit if mounting is not possible."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "gatepass-test", str(folder)]
    if not mounts or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        yield Limit()
        return
    try:
        yield Tmpfs(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
