"""Keeps a session in a file between two runs of a program.

    Client("https://api.example.com", storage=FileStorage("~/.config/app/session.json"))

A session file must survive two programs at once, a power cut or `kill -9` at any instant, a full or read-only disk,
and other users of the machine. So a write makes a new file (0600 from its first byte), flushes it to the disk and
replaces the old one in one step: a reader sees the old session or the new one, never half of one. A session that
cannot be written stays in memory, and the program gets a warning. A file that is corrupt, readable for other users or
owned by another user is refused: a session is never reconstructed and never shared.
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
from gatepass.client.storage.record import CorruptRecord, SessionRecord, decode, encode

MAX_BYTES = 256 * 1024
"""Against what: an access token in a header has a few kilobytes; a larger file is not a session file."""
LEFTOVER_AGE = 60.0
"""Seconds after which an unfinished file is that of a killed program; writing one takes milliseconds."""


class FileStorage:
    """Keeps a session in a file: one file for each issuer and user. Its lock is a file beside it, `<name>.lock`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """`path` may begin with ~. Missing folders are made, with access for their owner alone."""
        # Links are followed once, here: writing later replaces the file that they lead to, not the link.
        self.path = Path(os.path.realpath(expand_home(path)))
        self._lock = FileLock(self.path.with_name(self.path.name + ".lock"))
        self._unwritten: tuple[SessionRecord, object] | None = None
        self._is_swept = False

    def __repr__(self) -> str:
        return f"FileStorage({str(self.path)!r})"

    def load(self) -> SessionRecord:
        """Return the record in the file, or the one that this process could not write, until another process writes.

        Without a file, returns an empty record. Raises StorageError for a file that is corrupt, owned by another
        user, or open to other users.
        """
        unwritten = self._unwritten  # once: another thread may save
        if unwritten is not None and unwritten[1] == self.version():
            return unwritten[0]
        try:
            found = self._decoded()
        except CorruptRecord as fault:
            raise StorageError(
                f"The session file {self.path} is corrupt: {fault}. Move it away and sign in again."
            ) from None
        return SessionRecord() if found is None else found

    def save(self, record: SessionRecord) -> None:
        """Write the record: it is on the disk when this returns. Raises StorageError if it cannot be written."""
        try:
            self._write(record)
        except OSError as fault:
            self._unwritten = (record, self.version())
            raise self._unwritable(fault) from fault
        self._unwritten = None

    @contextlib.contextmanager
    def locked(self, timeout: float) -> Iterator[bool]:
        """Hold the lock against all processes and threads that use this file. The value says whether it is held."""
        with contextlib.suppress(OSError):
            _make_folder(self.path.parent)
        with self._lock.held(timeout) as held:
            yield held

    def version(self) -> object:
        """Return what every replacement changes: modification time, inode and size. None without a file."""
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_ino, found.st_size)

    def _decoded(self) -> SessionRecord | None:
        text = self._read()
        return None if text is None else decode(text)

    def _read(self) -> bytes | None:
        """Return the file's text; None without a file. The checks are made on the open file, not on its name."""
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
        if sys.platform == "win32":  # pragma: no cover - a profile there is readable by its owner alone
            return
        if found.st_uid != os.geteuid():
            raise StorageError(
                f"The session file {self.path} belongs to another user (id {found.st_uid}). "
                f"Run this as that user, or name another file."
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise StorageError(
                f"The session file {self.path} is open to other users, who may have copied it. "
                f"Delete it and sign in again; or, if you are sure that it was not copied: chmod 600 {self.path}"
            )

    def _write(self, record: SessionRecord) -> None:
        """Replace the file by a new one."""
        folder = self.path.parent
        _make_folder(folder)
        if not self._is_swept:
            self._is_swept = True
            _sweep(folder, self._unfinished(""))
        unfinished = folder / self._unfinished(secrets.token_hex(8))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        try:
            with os.fdopen(os.open(unfinished, flags, 0o600), "wb") as file:
                file.write(encode(record))
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, self.path)
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
        _sync_folder(folder)

    def _unfinished(self, mark: str) -> str:
        return f".{self.path.name}.new.{mark}"

    def _unwritable(self, fault: OSError) -> StorageError:
        return StorageError(
            f"The session cannot be saved in {self.path}: {fault.strerror}. It lasts until this program ends."
        )


def expand_home(path: str | os.PathLike[str]) -> Path:
    """The path with its `~` replaced. Raises StorageError if this user has no home, as in many containers."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise StorageError(
            f"There is no home directory for {path}: HOME is not set, and this user has no entry in the password "
            f"database. Set HOME, or give an absolute path."
        ) from None


def _make_folder(folder: Path) -> None:
    """Make a folder and its missing parents, with access for their owner alone, and flush their names to the disk."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(0o700)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":  # pragma: no cover - a folder cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path, prefix: str) -> None:
    """Remove unfinished files that killed programs left behind."""
    for leftover in folder.iterdir():
        if leftover.name.startswith(prefix):
            with contextlib.suppress(OSError):
                if time.time() - leftover.stat().st_mtime > LEFTOVER_AGE:
                    leftover.unlink()
