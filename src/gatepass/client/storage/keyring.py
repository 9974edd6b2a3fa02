"""Keeps a session in the keyring of the system: Keychain, Secret Service, Windows Credential Manager.

    Client("https://api.example.com", storage=KeyringStorage("https://api.example.com"))

One entry holds the whole session, so it is replaced atomically. A keyring has no lock and does not tell when another
program writes: a file in the user's runtime folder does both. A program that refreshes locks it, and a program that
writes touches it. The file is empty and may be lost at any time.
"""

import contextlib
import hashlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from gatepass._extras import missing_extra
from gatepass.client.errors import StorageError
from gatepass.client.storage.file_lock import FileLock
from gatepass.client.storage.record import CorruptRecord, SessionRecord, decode, encode
from gatepass.per_process import PerProcess

try:
    import keyring
except ModuleNotFoundError as missing:
    sentence = "The keyring needs its extra: pip install 'gatepass[keyring]'"
    raise missing_extra(missing, "keyring", sentence=sentence) from None

MAX_CHARACTERS = 1280
"""The size of one entry on Windows: 2,560 bytes of UTF-16. An access token that does not fit is left out."""


class Backend(Protocol):
    """The part of `keyring.backend.KeyringBackend` that is used here."""

    def get_password(self, service: str, username: str, /) -> str | None:
        """Return the text of an entry; None if there is none."""
        ...

    def set_password(self, service: str, username: str, password: str, /) -> None:
        """Write an entry, over any that there is."""
        ...


class KeyringStorage:
    """Keeps a session in the system's keyring, under `service` and `name`. For desktops: a keyring may ask its user."""

    def __init__(self, name: str, *, service: str = "gatepass", backend: Backend | None = None) -> None:
        """`name` distinguishes the entries of several issuers or users, for example by the issuer's URL.

        `backend` is a backend of the keyring package; by default the one that it chooses.
        """
        self.name = name
        self.service = service
        self._backend: Backend = backend or keyring.get_keyring()
        mark = hashlib.sha256(f"{service}\0{name}".encode()).hexdigest()[:32]
        self._mark = runtime_folder() / f"keyring-{mark}.lock"
        self._lock = FileLock(self._mark)
        self._saving = PerProcess(threading.RLock)
        self._unwritten: tuple[SessionRecord, object] | None = None

    def __repr__(self) -> str:
        return f"KeyringStorage({self.name!r}, service={self.service!r})"

    def load(self) -> SessionRecord:
        """Return the record in the keyring; without one, save and return an empty record.

        Raises StorageError if the keyring refuses, does not keep what is written, or has a corrupt entry.
        """
        unwritten = self._unwritten  # once: another thread may save
        if unwritten is not None and unwritten[1] == self.version():
            return unwritten[0]
        try:
            found = self._decoded() or self._first()
        except CorruptRecord as fault:
            raise StorageError(
                f"The keyring's entry {self.service!r} for {self.name!r} is corrupt: {fault}. "
                f"Delete it and sign in again."
            ) from None
        if found is None:
            raise StorageError("The keyring of this system keeps nothing. Use FileStorage.")
        return found

    def save(self, record: SessionRecord) -> None:
        """Write the record. Raises StorageError if the keyring refuses; even then `load` returns it."""
        with self._saving.here:
            try:
                self._backend.set_password(self.service, self.name, _text(record))
            except Exception as fault:  # a backend raises whatever its system's library raises
                self._unwritten = (record, self.version())
                raise self._refused(fault) from None
            self._unwritten = None
            self._touch()

    @contextlib.contextmanager
    def locked(self, timeout: float) -> Iterator[bool]:
        """Hold the lock against all processes and threads of this user that use this entry.

        The value says whether it is held.
        """
        with contextlib.suppress(StorageError):  # without the folder there is no lock, and the caller goes on
            runtime_folder()
        with self._lock.held(timeout) as held:
            yield held

    def version(self) -> object:
        """Return the time of the last write that the runtime folder knows of; None without one."""
        try:
            return os.stat(self._mark).st_mtime_ns
        except OSError:
            return None

    def _decoded(self) -> SessionRecord | None:
        text = self._read()
        return None if text is None else decode(text.encode())

    def _first(self) -> SessionRecord | None:
        """Save an empty record, and read it: this keyring may keep nothing. Another thread may have saved meanwhile."""
        with self._saving.here:
            found = self._decoded()
            if found is None:
                self.save(SessionRecord())
                found = self._decoded()
        return found

    def _read(self) -> str | None:
        try:
            return self._backend.get_password(self.service, self.name)
        except Exception as fault:
            raise self._refused(fault) from None

    def _touch(self) -> None:
        now = time.time_ns()
        # If this fails, other programs see the change at their next refresh, when they read.
        with contextlib.suppress(OSError):
            os.close(os.open(self._mark, os.O_CREAT | os.O_WRONLY | getattr(os, "O_CLOEXEC", 0), 0o600))
            os.utime(self._mark, ns=(now, now))

    def _refused(self, fault: Exception) -> StorageError:
        return StorageError(
            f"The keyring of this system refuses ({type(fault).__name__}). Unlock it, or use FileStorage."
        )


def _text(record: SessionRecord) -> str:
    """The record as an entry, without its access token where entries are short."""
    text = encode(record).decode()
    if sys.platform == "win32" and len(text) > MAX_CHARACTERS:  # pragma: no cover
        return encode(replace(record, access_token=None, expires_at=None)).decode()
    return text


def runtime_folder() -> Path:
    """Return a folder of this user alone, for files that need not survive a restart.

    Raises StorageError if it cannot be made, or if another user may write to it.
    """
    if sys.platform == "win32":  # pragma: no cover
        folder = Path(os.environ.get("LOCALAPPDATA", tempfile.gettempdir())) / "gatepass"
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    given = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(given) / "gatepass" if given else Path(tempfile.gettempdir()) / f"gatepass-{os.geteuid()}"
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(0o700)
        found = folder.lstat()
    except OSError as fault:
        raise StorageError(f"There is no runtime folder {folder}: {fault.strerror}. Set XDG_RUNTIME_DIR.") from fault
    if not folder.is_dir() or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise StorageError(f"The runtime folder {folder} is not this user's own. Remove it, or set XDG_RUNTIME_DIR.")
    return folder
