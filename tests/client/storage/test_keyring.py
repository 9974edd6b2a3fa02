"""A session in the system's keyring: one entry, a lock beside it, and a sentence where the keyring does not play."""

import os
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import keyring.backends.fail
import keyring.backends.null
import pytest

from gatepass.client.errors import StorageError
from gatepass.client.storage.keyring import KeyringStorage, runtime_folder
from gatepass.client.storage.record import SessionRecord
from tests.client.storage.records import CANARY, FULL, Entries
from tools.services.patience import PATIENCE

NAME = "https://api.example.com"


class Refusing(Entries):
    """A keyring whose user says no, with an error that repeats what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses = True

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.refuses:
            raise RuntimeError(f"cannot write {password}")
        super().set_password(service, username, password)


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A runtime folder of this test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "gatepass"


def test_all_is_in_one_entry_and_nothing_in_the_runtime_folder(runtime: Path) -> None:
    entries = Entries()
    storage = KeyringStorage(NAME, backend=entries)
    storage.save(FULL)
    assert list(entries.entries) == [("gatepass", NAME)]
    files = list(runtime.iterdir())
    assert [file.read_bytes() for file in files] == [b""]
    assert NAME not in files[0].name


def test_the_runtime_folder_and_its_files_are_for_their_owner_alone(runtime: Path) -> None:
    before = os.umask(0)
    try:
        storage = KeyringStorage(NAME, backend=Entries())
        storage.save(FULL)
        with storage.locked(1):
            modes = [stat.S_IMODE(one.stat().st_mode) for one in (runtime, *runtime.iterdir())]
    finally:
        os.umask(before)
    assert modes == [0o700, 0o600]


def test_two_programs_see_each_other_and_take_turns() -> None:
    entries = Entries()
    one, other = KeyringStorage(NAME, backend=entries), KeyringStorage(NAME, backend=entries)
    assert one.load() == other.load()
    before = one.version()
    other.save(FULL)
    assert one.version() != before
    assert one.load() == FULL
    with one.locked(1) as first, other.locked(0.02) as second:
        assert (first, second) == (True, False)


def test_entries_of_two_names_are_apart() -> None:
    entries = Entries()
    KeyringStorage(NAME, backend=entries).save(FULL)
    other = KeyringStorage("https://other.example.com", backend=entries)
    assert other.load().sid is None
    assert KeyringStorage(NAME, service="app", backend=entries).load().sid is None
    assert KeyringStorage(NAME, backend=entries).load() == FULL


def test_a_keyring_that_refuses_to_write_loses_no_session() -> None:
    entries = Refusing()
    storage = KeyringStorage(NAME, backend=entries)
    with pytest.raises(StorageError, match=r"refuses \(RuntimeError\)\. Unlock it, or use FileStorage") as refused:
        storage.save(FULL)
    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__
    assert storage.load() == FULL
    entries.refuses = False
    storage.save(replace(FULL, generation=8))
    assert KeyringStorage(NAME, backend=entries).load().generation == 8


def test_a_corrupt_entry_is_refused_and_kept() -> None:
    entries = Entries()
    entries.set_password("gatepass", NAME, "nonsense")
    with pytest.raises(StorageError, match="is corrupt: it is not JSON"):
        KeyringStorage(NAME, backend=entries).load()
    assert entries.entries == {("gatepass", NAME): "nonsense"}


def test_a_system_without_a_keyring_says_what_to_use_instead() -> None:
    with pytest.raises(StorageError, match=r"refuses \(NoKeyringError\).*FileStorage"):
        KeyringStorage(NAME, backend=keyring.backends.fail.Keyring()).load()  # type: ignore[no-untyped-call]
    with pytest.raises(StorageError, match=r"keeps nothing\. Use FileStorage"):
        KeyringStorage(NAME, backend=keyring.backends.null.Keyring()).load()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722])
def test_a_runtime_folder_that_others_can_write_to_is_refused(runtime: Path, mode: int) -> None:
    runtime.mkdir()
    runtime.chmod(mode)
    with pytest.raises(StorageError, match="is not this user's own"):
        runtime_folder()


def test_a_link_in_the_place_of_the_runtime_folder_is_refused(runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(0o700)
    runtime.symlink_to(tmp_path / "real")
    with pytest.raises(StorageError, match="is not this user's own"):
        runtime_folder()


def test_without_a_runtime_folder_of_the_system_one_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = runtime_folder()
    assert folder == tmp_path / f"gatepass-{os.geteuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_runtime_folder_that_is_lost_meanwhile_does_no_harm(runtime: Path) -> None:
    storage = KeyringStorage(NAME, backend=Entries())
    storage.save(FULL)
    for file in runtime.iterdir():
        file.unlink()
    runtime.rmdir()
    assert storage.load() == FULL
    storage.save(replace(FULL, generation=8))
    with storage.locked(1) as held:
        assert held
        assert storage.load().generation == 8


def test_threads_that_save_at_once_leave_one_whole_entry() -> None:
    entries = Entries()
    wanted = [replace(FULL, generation=number) for number in range(20)]

    def save(record: SessionRecord) -> None:
        storage = KeyringStorage(NAME, backend=entries)
        with storage.locked(10) as held:
            assert held
            storage.save(record)

    threads = [threading.Thread(target=save, args=(record,)) for record in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert KeyringStorage(NAME, backend=entries).load() in wanted


@pytest.mark.slow
def test_without_the_extra_it_says_what_to_install() -> None:
    program = (
        "import sys\nsys.modules['keyring'] = None\n"
        "try: import gatepass.client.storage.keyring\nexcept ImportError as fault: print(fault)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert "pip install 'gatepass[keyring]'" in done.stdout
