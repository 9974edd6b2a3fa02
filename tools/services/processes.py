"""Other processes and their children, as Linux shows them."""

import contextlib
from pathlib import Path


def children(pid: int) -> set[int]:
    """The direct children of a process that have not been waited for; none if the process itself has ended."""
    try:
        return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except (FileNotFoundError, ProcessLookupError):
        return set()


def state(pid: int) -> str:
    """The letter that ps(1) shows for a process: T is stopped, Z has ended. Empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return ""


def lives(pid: int) -> bool:
    """Whether a process has not ended.

    A process that is killed shows Z as soon as its first thread has ended. Its files and listening sockets stay open
    until the last one has.
    """
    return state(pid) not in ("", "Z") or _threads(pid) > 1


def at_home_in(folder: Path) -> set[int]:
    """The processes whose working directory this is, as far as we may see it. None has ended."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == folder:
                found.add(int(entry.name))
    return found


def _threads(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/task").iterdir()))
    except OSError:
        return 0
