"""Keeps a session in the keyring of the system: Keychain, Secret Service, Windows Credential Manager.

    Client("https://api.example.com", storage=KeyringStorage("https://api.example.com"))

One entry holds it all, so that it is replaced all at once. A keyring has neither a lock nor a way to see that somebody
else wrote: both are a file in the user's runtime folder, locked by whoever refreshes and touched by whoever writes. It
holds nothing, and may be lost at any time.
"""

import contextlib
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from gatepass.client.errors import StorageError
from gatepass.client.storage.file_lock import FileLock
from gatepass.client.storage.record import Damaged, Stored, decode, encode

try:
    import keyring
except ImportError:  # pragma: no cover - exercised in a process of its own
    raise ImportError("The keyring needs its extra: pip install 'gatepass[keyring]'") from None

MOST_CHARACTERS = 1280
"""What one entry of Windows holds: 2,560 bytes of UTF-16. The access token is left out where it would not fit."""


class Backend(Protocol):
    """What we use of a `keyring.backend.KeyringBackend`."""

    def get_password(self, service: str, username: str, /) -> str | None:
        """The text of an entry."""
        ...

    def set_password(self, service: str, username: str, password: str, /) -> None:
        """Write an entry."""
        ...


class KeyringStorage:
    """Keeps a session in the system's keyring, under `service` and `name`. Made for desktops: it may ask its user."""

    def __init__(self, name: str, *, service: str = "gatepass", backend: Backend | None = None) -> None:
        """`name` tells the entries of several issuers or users apart: the issuer's URL, say.

        `backend` is a backend of the keyring package; left out, the one that it chooses.
        """
        self.name = name
        self.service = service
        self._backend: Backend = backend or keyring.get_keyring()
        mark = hashlib.sha256(f"{service}\0{name}".encode()).hexdigest()[:32]
        self._mark = runtime_folder() / f"keyring-{mark}.lock"
        self._lock = FileLock(self._mark)
        self._unwritten: tuple[Stored, object] | None = None

    def __repr__(self) -> str:
        return f"KeyringStorage({self.name!r}, service={self.service!r})"

    def load(self) -> Stored:
        """What is kept. Raises StorageError where the keyring refuses, keeps nothing, or holds something else."""
        if self._unwritten is not None and self._unwritten[1] == self.version():
            return self._unwritten[0]
        text = self._read()
        if text is None:
            self.save(Stored.fresh())
            text = self._read()
        if text is None:
            raise StorageError("The keyring of this system keeps nothing. Use FileStorage.")
        try:
            return decode(text.encode())
        except Damaged as damage:
            raise StorageError(
                f"The keyring's entry {self.service!r} for {self.name!r} is damaged: {damage}. "
                f"Delete it and sign in again."
            ) from None

    def save(self, stored: Stored) -> None:
        """Keep it. Raises StorageError where the keyring refuses; `load` gives it back all the same."""
        text = encode(stored).decode()
        if sys.platform == "win32" and len(text) > MOST_CHARACTERS:  # pragma: no cover
            text = encode(replace(stored, access_token=None, expires_at=None)).decode()
        try:
            self._backend.set_password(self.service, self.name, text)
        except Exception as fault:  # backends raise what their system's library does
            self._unwritten = (stored, self.version())
            raise self._refused(fault) from None
        self._unwritten = None
        self._touch()

    @contextlib.contextmanager
    def locked(self, timeout: float) -> Iterator[bool]:
        """Exclusive over all processes and threads of this user that use this entry."""
        with contextlib.suppress(StorageError):  # gone since: then there is no lock, and one goes on without
            runtime_folder()
        with self._lock.held(timeout) as held:
            yield held

    def version(self) -> object:
        """When somebody wrote last, as far as the runtime folder tells."""
        try:
            return os.stat(self._mark).st_mtime_ns
        except OSError:
            return None

    def _read(self) -> str | None:
        try:
            return self._backend.get_password(self.service, self.name)
        except Exception as fault:
            raise self._refused(fault) from None

    def _touch(self) -> None:
        now = time.time_ns()
        # Without it, others see what was written as soon as they read: at their next refresh.
        with contextlib.suppress(OSError):
            os.close(os.open(self._mark, os.O_CREAT | os.O_WRONLY | getattr(os, "O_CLOEXEC", 0), 0o600))
            os.utime(self._mark, ns=(now, now))

    def _refused(self, fault: Exception) -> StorageError:
        return StorageError(
            f"The keyring of this system refuses ({type(fault).__name__}). Unlock it, or use FileStorage."
        )


def runtime_folder() -> Path:
    """A folder of this user alone, for what need not outlive a restart. Raises StorageError where it is not his."""
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
