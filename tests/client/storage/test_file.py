"""A session in a file: whole and for its owner alone, whatever happens meanwhile."""

import itertools
import os
import stat
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gatepass.client.errors import StorageError
from gatepass.client.storage.file import FileStorage
from gatepass.client.storage.record import SessionRecord, decode
from tests.client.storage.records import FULL, full_disk
from tests.support.nobody import without_home


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


def test_without_a_home_an_absolute_path_works_and_another_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    without_home(monkeypatch)
    assert FileStorage(path).load() == SessionRecord()
    with pytest.raises(StorageError, match=r"no home directory for ~/session.json: .* or give an absolute path"):
        FileStorage("~/session.json")
