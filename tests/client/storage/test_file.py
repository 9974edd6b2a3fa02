"""Where a session is kept: what is saved is there, whole and for its owner alone, whatever happens meanwhile."""

import itertools
import json
import os
import re
import resource
import stat
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gatepass.client.errors import StorageError
from gatepass.client.storage.base import MemoryStorage, Storage
from gatepass.client.storage.file import FileStorage
from gatepass.client.storage.file_lock import FileLock
from gatepass.client.storage.keyring import KeyringStorage
from gatepass.client.storage.record import (
    MAX_MISSING,
    Account,
    CorruptRecord,
    SessionRecord,
    decode,
    encode,
)
from tests.support.nobody import without_home

CANARY = "gp_rt_canary"
FULL = SessionRecord(
    sid="ab" * 16,
    generation=7,
    challenge="q83vEjRWeJo",
    binding_key=bytes(range(32)),
    is_bound=True,
    missing=(1, 1_800_000_000.5),
    cookie=("__Host-Http-gatepass", CANARY),
    access_token="ey.canary.token",
    expires_at=1_800_000_000.25,
    lifetime=900.0,
    account=Account(id="7", email="änn@example.com", created_at=1_700_000_000),
    signed_out=(("cd" * 16, "gatepass_8000", "gp_rt_canary_2"),),
)


class Entries:
    """A keyring in memory."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "app" / "session.json"


@pytest.fixture(params=["memory", "file", "keyring"])
def storage(request: pytest.FixtureRequest, path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Storage:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    makers: dict[str, Callable[[], Storage]] = {
        "memory": MemoryStorage,
        "file": lambda: FileStorage(path),
        "keyring": lambda: KeyringStorage("https://api.example.com", backend=Entries()),
    }
    return makers[request.param]()


class TestEveryStorage:
    def test_nothing_saved_is_an_empty_record(self, storage: Storage) -> None:
        assert storage.load() == SessionRecord()

    def test_what_is_saved_is_loaded(self, storage: Storage) -> None:
        storage.load()
        storage.save(FULL)
        assert storage.load() == FULL
        storage.save(SessionRecord())
        assert storage.load() == SessionRecord()

    def test_the_version_changes_with_every_save_and_with_nothing_else(self, storage: Storage) -> None:
        storage.load()
        marks = [storage.version()]
        for generation in range(5):
            storage.save(replace(FULL, generation=generation * 1000))
            marks.append(storage.version())
            assert storage.load()
            assert storage.version() == marks[-1]
        assert len(set(marks)) == 6

    def test_the_lock_excludes_and_is_given_back(self, storage: Storage) -> None:
        with storage.locked(1) as first:
            assert first
            with ThreadPoolExecutor(1) as pool:
                assert not pool.submit(lambda: _enter(storage, 0.02)).result()
        assert _enter(storage, 0.02)

    def test_the_lock_is_given_back_after_an_error(self, storage: Storage) -> None:
        with pytest.raises(RuntimeError), storage.locked(1):
            raise RuntimeError
        assert _enter(storage, 0)

    def test_it_can_be_read_and_written_inside_its_lock(
        self, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def again(*_arguments: object) -> None:
            raise AssertionError("it waits for itself")

        with storage.locked(5):
            for owner, name in ((type(storage), "locked"), (FileLock, "held"), (FileLock, "_take")):
                monkeypatch.setattr(owner, name, again)
            storage.load()
            storage.save(FULL)
            assert storage.load() == FULL


class TestText:
    def test_no_repr_shows_a_secret(self, path: Path) -> None:
        shown = repr(FULL) + str(FULL) + repr(FileStorage(path)) + repr(MemoryStorage())
        assert "canary" not in shown
        assert "example.com" not in shown
        assert repr(FULL.binding_key) not in shown

    def test_every_text_that_was_cut_is_corrupt(self) -> None:
        text = encode(FULL).rstrip()
        for length in range(len(text)):
            with pytest.raises(CorruptRecord):
                decode(text[:length])

    def test_no_changed_byte_makes_anything_but_a_session_or_damage(self) -> None:
        text = encode(FULL)
        for position in range(len(text)):
            for mask in (1, 0x20, 0x80, 0xFF):
                changed = bytearray(text)
                changed[position] ^= mask
                found = _decoded(bytes(changed))
                assert isinstance(found, SessionRecord) or "canary" not in found

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            (b"", "it is not JSON"),
            (b"[]", "it is not a Gatepass session"),
            (b"{}", "it is not a Gatepass session"),
            (b"[" * 100_000, "it is not JSON"),
            (b'{"version": 3}', "newer version"),
            (b'{"version": 0}', "it is not a Gatepass session"),
            (encode(FULL).replace(b'"binding_key": "AAEC', b'"binding_key": "'), "binding_key"),
            (encode(FULL).replace(b'"binding_key": "AAEC', b'"binding_key": "+AEC'), "binding_key"),
            (encode(FULL).replace(b'"sid": "ab', b'"sid": "xy'), "sid"),
            (encode(FULL).replace(b"q83vEjRWeJo", b"q83vEjRW\\r\\n"), "challenge"),
            (encode(FULL).replace(b'"missing": [1, ', b'"missing": ['), "missing"),
            (encode(FULL).replace(b'"generation": 7', b'"generation": true'), "generation"),
            (encode(FULL).replace(b'"generation": 7', b'"generation": -7'), "generation"),
            (encode(FULL).replace(b'"lifetime": 900.0', b'"lifetime": NaN'), "lifetime"),
            (encode(FULL).replace(b'"lifetime": 900.0', b'"lifetime": "900"'), "lifetime"),
            (encode(FULL).replace(b'["__Host-Http-gatepass", ', b'["a", "b", '), "cookie"),
            (encode(FULL).replace(b'"id": "7", ', b""), "account"),
        ],
    )
    def test_damage_is_named(self, text: bytes, why: str) -> None:
        with pytest.raises(CorruptRecord, match=why):
            decode(text)

    def test_members_of_a_later_version_are_passed_over(self) -> None:
        assert decode(encode(FULL).replace(b'{"version": 2,', b'{"version": 2, "colour": "red",')) == FULL

    def test_a_session_of_the_first_version_is_read_without_its_client_key(self) -> None:
        first = json.loads(encode(FULL))
        for name in ("challenge", "binding_key", "is_bound", "missing"):
            del first[name]
        text = json.dumps({**first, "version": 1, "client_key": "A" * 43 + "="}).encode()
        expected = replace(FULL, challenge=None, binding_key=None, is_bound=False, missing=(MAX_MISSING, 0.0))
        assert decode(text) == expected


class TestFile:
    def test_file_lock_and_new_folders_are_for_their_owner_alone(self, path: Path) -> None:
        before = os.umask(0)
        try:
            storage = FileStorage(path)
            storage.load()
            storage.save(FULL)
            with storage.locked(1):
                modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
        finally:
            os.umask(before)
        assert modes == {"session.json": 0o600, "session.json.lock": 0o600}
        assert [stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)] == [0o700] * 2

    def test_a_write_is_private_from_its_first_byte_and_on_the_disk_before_it_counts(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        FileStorage(path).save(SessionRecord())
        steps: list[str] = []
        fsync, put = os.fsync, os.replace

        def note_fsync(descriptor: int) -> None:
            found = os.fstat(descriptor)
            steps.append("sync folder" if stat.S_ISDIR(found.st_mode) else f"sync {stat.S_IMODE(found.st_mode):o}")
            fsync(descriptor)

        def note_replace(source: Path, target: Path) -> None:
            steps.append("replace")
            assert decode(source.read_bytes()) == FULL
            put(source, target)

        monkeypatch.setattr(os, "fsync", note_fsync)
        monkeypatch.setattr(os, "replace", note_replace)
        before = os.umask(0)
        try:
            FileStorage(path).save(FULL)
        finally:
            os.umask(before)
        assert steps == ["sync 600", "replace", "sync folder"]

    def test_a_reader_sees_a_whole_session_at_every_moment(self, path: Path) -> None:
        FileStorage(path).save(FULL)
        done = threading.Event()

        def write() -> None:
            storage = FileStorage(path)
            for generation in itertools.takewhile(lambda _: not done.is_set(), itertools.count()):
                storage.save(replace(FULL, generation=generation, access_token="x" * (generation * 97 % 5000)))

        writer = threading.Thread(target=write)
        writer.start()
        seen: set[int | None] = set()
        while len(seen) < 100:
            record = FileStorage(path).load()
            assert record.sid == FULL.sid
            seen.add(record.generation)
        done.set()
        writer.join()

    def test_a_link_is_followed_and_stays_one(self, path: Path, tmp_path: Path) -> None:
        path.parent.mkdir(parents=True)
        path.symlink_to(tmp_path / "real.json")
        FileStorage(path).save(FULL)
        assert path.is_symlink()
        assert decode((tmp_path / "real.json").read_bytes()) == FULL

    def test_the_home_folder_is_spelt_with_a_tilde(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        assert FileStorage("~/a/session.json").path == tmp_path / "a" / "session.json"

    def test_leaving_the_folder_does_not_move_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        storage = FileStorage("session.json")
        monkeypatch.chdir("/")
        storage.save(FULL)
        assert (tmp_path / "session.json").is_file()

    def test_what_a_killed_program_left_unfinished_is_removed_in_time(self, path: Path) -> None:
        path.parent.mkdir(parents=True)
        old, young = path.with_name(".session.json.new.00"), path.with_name(".session.json.new.01")
        for leftover in (old, young):
            leftover.write_text("{")
        os.utime(old, (time.time() - 3600,) * 2)
        FileStorage(path).save(FULL)
        assert (old.exists(), young.exists()) == (False, True)


class TestRefusal:
    def test_a_corrupt_file_is_refused_and_kept(self, path: Path) -> None:
        FileStorage(path).save(FULL)
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(StorageError, match=r"session\.json is corrupt: it is not JSON\. Move it away and sign in"):
            FileStorage(path).load()
        assert path.stat().st_size == 100

    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o601])
    def test_a_file_that_others_can_open_is_refused(self, path: Path, mode: int) -> None:
        FileStorage(path).save(FULL)
        path.chmod(mode)
        with pytest.raises(StorageError, match=r"open to other users.*chmod 600 .*session\.json"):
            FileStorage(path).load()
        path.chmod(0o600)
        assert FileStorage(path).load() == FULL

    def test_a_file_of_another_user_is_refused(self, path: Path) -> None:
        foreign = path
        if os.geteuid() == 0:
            FileStorage(path).save(FULL)
            os.chown(path, 12345, 12345)
        else:
            foreign = Path("/etc/passwd")
        with pytest.raises(StorageError, match="belongs to another user"):
            FileStorage(foreign).load()

    def test_what_is_no_file_is_refused_without_waiting_for_it(self, path: Path) -> None:
        path.parent.mkdir(parents=True)
        os.mkfifo(path, 0o600)
        with pytest.raises(StorageError, match="is not a session file"):
            FileStorage(path).load()
        with pytest.raises(StorageError, match="is not a session file"):
            FileStorage(path.parent).load()

    def test_a_file_too_large_to_be_one_of_ours_is_refused(self, path: Path) -> None:
        FileStorage(path).save(FULL)
        os.truncate(path, 10_000_000)
        with pytest.raises(StorageError, match="is not a session file"):
            FileStorage(path).load()

    def test_a_path_through_a_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        storage = FileStorage(tmp_path / "file" / "folder" / "session.json")
        with pytest.raises(StorageError, match="cannot be read: Not a directory"):
            storage.load()
        with storage.locked(10) as held:
            assert not held

    def test_no_message_repeats_what_the_file_holds(self, path: Path) -> None:
        FileStorage(path).save(FULL)
        path.write_bytes(path.read_bytes().replace(b'"generation": 7', b'"generation": "gp_rt_canary"'))
        with pytest.raises(StorageError) as refused:
            FileStorage(path).load()
        assert "canary" not in str(refused.value)


class TestDiskThatDoesNotWrite:
    def test_the_session_goes_on_in_memory_and_the_old_file_stays(self, path: Path) -> None:
        storage = FileStorage(path)
        storage.save(FULL)
        newer = replace(FULL, generation=8)
        with full_disk(), pytest.raises(StorageError, match=r"cannot be saved in .*: File too large"):
            storage.save(newer)
        assert storage.load() == newer
        assert FileStorage(path).load() == FULL
        assert [one.name for one in path.parent.iterdir()] == ["session.json"], "nothing half is left"

    def test_what_another_program_writes_later_counts(self, path: Path) -> None:
        storage = FileStorage(path)
        storage.save(FULL)
        with full_disk(), pytest.raises(StorageError):
            storage.save(replace(FULL, generation=8))
        FileStorage(path).save(replace(FULL, generation=9000))
        assert storage.load().generation == 9000

    def test_the_next_write_that_works_is_enough(self, path: Path) -> None:
        storage = FileStorage(path)
        storage.save(FULL)
        with full_disk(), pytest.raises(StorageError):
            storage.save(replace(FULL, generation=8))
        storage.save(replace(FULL, generation=9))
        assert FileStorage(path).load().generation == storage.load().generation == 9


def test_the_storage_that_the_documentation_shows_is_one(path: Path) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "guides" / "client-storage.md").read_text("utf-8")
    example = next(code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "class DictStorage" in code)
    names: dict[str, Callable[..., Storage]] = {}
    exec(example, names)
    entries: dict[str, SessionRecord] = {}
    one, other = names["DictStorage"](entries, "ann"), names["DictStorage"](entries, "ann")
    assert one.load() == other.load()
    before = other.version()
    one.save(FULL)
    assert other.load() == FULL
    assert other.version() != before
    with one.locked(1) as first, one.locked(0.01) as second:
        assert (first, second) == (True, False)


@contextmanager
def full_disk() -> Iterator[None]:
    """Every write to a file fails while the block runs: a limit that the system keeps for this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _decoded(text: bytes) -> SessionRecord | str:
    """The session, or what the fault says. Any other exception is a defect."""
    try:
        return decode(text)
    except CorruptRecord as fault:
        return "".join(traceback.format_exception(fault))


def _enter(storage: Storage, timeout: float) -> bool:
    with storage.locked(timeout) as held:
        return held


def test_without_a_home_an_absolute_path_works_and_another_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    without_home(monkeypatch)
    assert FileStorage(path).load() == SessionRecord()
    with pytest.raises(StorageError, match=r"no home directory for ~/session.json: .* or give an absolute path"):
        FileStorage("~/session.json")
