"""Keeps a session in a file between two runs of a program.

    Client("https://api.example.com", storage=FileStorage("~/.config/app/session.json"))

What a file must stand: two programs at once, a power cut or `kill -9` at any instant, a full or read-only disk, other
people on the machine. So a write makes a new file (0600 from its first byte), brings it to the disk, and takes the
place of the old one in one step: a reader sees the old session or the new one, never a half. What cannot be written
is kept in memory: the program goes on and is told. What is damaged, readable for others or not ours is refused: a
session is neither guessed nor shared.
"""

import contextlib
import os
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from gatepass.client.errors import StorageError
from gatepass.client.storage.file_lock import FileLock
from gatepass.client.storage.record import Damaged, Stored, decode, encode

MAX_BYTES = 256 * 1024
"""Against what: an access token in a header has some kilobytes; a file beyond this is not one of ours."""
LEFTOVER_AGE = 60.0
"""Seconds after which an unfinished file belongs to a program that was killed; writing one takes milliseconds."""


class FileStorage:
    """Keeps a session in a file: one for each issuer and user. Its lock is a file beside it, `<name>.lock`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """`path` may begin with ~. Folders that are missing are made, for their owner alone."""
        # Links are followed once, here: what is replaced later is the file that they lead to.
        self.path = Path(os.path.realpath(Path(path).expanduser()))
        self._lock = FileLock(self.path.with_name(self.path.name + ".lock"))
        self._unwritten: tuple[Stored, object] | None = None
        self._is_swept = False

    def __repr__(self) -> str:
        return f"FileStorage({str(self.path)!r})"

    def load(self) -> Stored:
        """What is kept, or what this process could not write where nobody else has written since.

        Raises StorageError for a file that is damaged, not ours, or open to others.
        """
        if self._unwritten is not None and self._unwritten[1] == self.version():
            return self._unwritten[0]
        text = self._read()
        if text is None:
            return self._begin()
        try:
            return decode(text)
        except Damaged as damage:
            raise StorageError(
                f"The session file {self.path} is damaged: {damage}. Move it away and sign in again."
            ) from None

    def save(self, stored: Stored) -> None:
        """Keep it: on the disk when this returns. Raises StorageError where it cannot be written."""
        try:
            self._write(encode(stored))
        except OSError as fault:
            self._unwritten = (stored, self.version())
            raise self._unwritable(fault) from fault
        self._unwritten = None

    @contextlib.contextmanager
    def locked(self, timeout: float) -> Iterator[bool]:
        """Exclusive over all processes and threads that use this file."""
        with contextlib.suppress(OSError):
            _make_folder(self.path.parent)
        with self._lock.held(timeout) as held:
            yield held

    def version(self) -> object:
        """Of the file: what changes with every replacement. None where there is none."""
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_ino, found.st_size)

    def _begin(self) -> Stored:
        """The first use: a client key, one for all who come at the same time."""
        stored = Stored.fresh()
        try:
            if not self._write(encode(stored), is_first=True):
                return self.load()
        except OSError:
            # Not an error yet: nothing is lost with a key alone. Saving a session will say so.
            self._unwritten = (stored, self.version())
        return stored

    def _read(self) -> bytes | None:
        """The file's text; None where there is no file. The checks are made on what was opened."""
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            descriptor = os.open(self.path, flags | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise StorageError(f"The session file {self.path} cannot be read: {fault.strerror}.") from fault
        try:
            self._check(os.fstat(descriptor))
            return b"".join(iter(lambda: os.read(descriptor, MAX_BYTES), b""))
        finally:
            os.close(descriptor)

    def _check(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
            raise StorageError(f"{self.path} is not a session file. Name another.")
        if sys.platform == "win32":  # pragma: no cover - profiles are for their owner alone there
            return
        if found.st_uid != os.geteuid():
            raise StorageError(
                f"The session file {self.path} belongs to another user (id {found.st_uid}). "
                f"Run this as that user, or name another file."
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise StorageError(
                f"The session file {self.path} is open to other users, who may have copied it. "
                f"Delete it and sign in again; or, if you are sure that nobody has: chmod 600 {self.path}"
            )

    def _write(self, text: bytes, *, is_first: bool = False) -> bool:
        """Put a whole new file in the place of the old one; False where it must be the first and is not."""
        folder = self.path.parent
        _make_folder(folder)
        if not self._is_swept:
            self._is_swept = True
            _sweep(folder, self._unfinished(""))
        unfinished = folder / self._unfinished(secrets.token_hex(8))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        try:
            with os.fdopen(os.open(unfinished, flags, 0o600), "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            is_placed = _place(unfinished, self.path, is_first=is_first)
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
        _sync_folder(folder)
        return is_placed

    def _unfinished(self, mark: str) -> str:
        return f".{self.path.name}.new.{mark}"

    def _unwritable(self, fault: OSError) -> StorageError:
        return StorageError(
            f"The session cannot be kept in {self.path}: {fault.strerror}. It goes on until this program ends."
        )


def _make_folder(folder: Path) -> None:
    """Make it and what is missing above it, for their owner alone, and bring their names to the disk."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(0o700)
    _sync_folder(folder.parent)


def _place(unfinished: Path, path: Path, *, is_first: bool) -> bool:
    """Give the file its name in one step. False where it was to be the first and there is one."""
    if is_first:
        try:
            os.link(unfinished, path)
        except FileExistsError:
            return False
        except OSError:
            # No links on this file system (FAT). Two first users at one instant then have two keys, and one
            # of them has the file: no harm, since each session goes with the key that it began with.
            if path.exists():
                return False
        else:
            return True
    os.replace(unfinished, path)
    return True


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":  # pragma: no cover - a folder cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path, prefix: str) -> None:
    """Remove what killed programs left unfinished."""
    for leftover in folder.iterdir():
        if leftover.name.startswith(prefix):
            with contextlib.suppress(OSError):
                if time.time() - leftover.stat().st_mtime > LEFTOVER_AGE:
                    leftover.unlink()
