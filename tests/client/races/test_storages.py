"""Threads load and save one storage without its lock: each gets a whole record, and none is hidden."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from gatepass.client.errors import StorageError
from gatepass.client.storage.base import MemoryStorage, Storage
from gatepass.client.storage.file import FileStorage
from gatepass.client.storage.keyring import KeyringStorage
from gatepass.client.storage.record import SessionRecord
from tests.client.storage.records import FULL, Entries
from tests.support.preempt import Race, Runner, explore

MODULES = tuple(f"gatepass.client.storage.{name}" for name in ("base", "file", "keyring"))
NEWER = replace(FULL, generation=1_000)


class Full(Entries):
    """A keyring that takes no more."""

    is_full = False

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.is_full:
            raise OSError("full")
        super().set_password(service, username, password)


@contextlib.contextmanager
def unwritable(storage: Any) -> Any:
    """The disk, or the keyring, is full."""
    if isinstance(storage, KeyringStorage):
        with patch.object(storage._backend, "is_full", True):
            yield
    else:
        with patch.object(storage, "_write", side_effect=OSError(28, "No space left on device")):
            yield


@pytest.fixture(params=["memory", "file", "keyring"])
def make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], Storage]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    makers: dict[str, Callable[[], Storage]] = {
        "memory": MemoryStorage,
        "file": lambda: FileStorage(tmp_path / "session.json"),
        "keyring": lambda: KeyringStorage("https://api.example.com", backend=Full()),
    }
    return makers[request.param]


@pytest.mark.parametrize("order", ["load first", "save first"])
def test_what_could_not_be_written_is_loaded_until_a_later_one_is_saved(
    make: Callable[[], Storage], order: str
) -> None:
    def race() -> Race:
        storage = make()
        storage.save(replace(FULL, generation=0))
        if not isinstance(storage, MemoryStorage):
            with unwritable(storage), pytest.raises(StorageError):
                storage.save(FULL)
        else:
            storage.save(FULL)

        def save() -> None:
            storage.save(NEWER)

        def holds(first: Runner, second: Runner) -> None:
            assert [first.error, second.error] == [None, None]
            loads = first if order == "load first" else second
            assert loads.value in (FULL, NEWER)
            assert storage.load() == NEWER

        return Race(storage.load, save, holds) if order == "load first" else Race(save, storage.load, holds)

    assert explore(race, within=MODULES)


def test_two_saves_leave_one_of_them_whole_under_a_version_of_its_own(make: Callable[[], Storage]) -> None:
    def race() -> Race:
        storage = make()
        storage.save(replace(FULL, generation=0))
        before = storage.version()

        def holds(*runners: Runner) -> None:
            assert [runner.error for runner in runners] == [None, None]
            assert storage.version() != before
            assert storage.load() in (FULL, NEWER)

        return Race(lambda: storage.save(FULL), lambda: storage.save(NEWER), holds)

    assert explore(race, within=MODULES)


def test_the_first_look_into_a_keyring_does_not_replace_a_session_that_another_thread_saves() -> None:
    def race() -> Race:
        storage = KeyringStorage("https://api.example.com", backend=Full())

        def holds(first: Runner, second: Runner) -> None:
            assert [first.error, second.error] == [None, None]
            assert first.value in (SessionRecord(), FULL)
            assert storage.load() == FULL

        return Race(storage.load, lambda: storage.save(FULL), holds)

    assert explore(race, within=MODULES)
