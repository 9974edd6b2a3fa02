"""A session that is saved is there, whole, in every storage and in its text."""

import json
import re
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from gatepass.client.storage.base import MemoryStorage, Storage
from gatepass.client.storage.file import FileStorage
from gatepass.client.storage.file_lock import FileLock
from gatepass.client.storage.record import MAX_MISSING, CorruptRecord, SessionRecord, decode, encode
from tests.client.storage.records import FULL


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


def _decoded(text: bytes) -> SessionRecord | str:
    """The session, or what the fault says. Any other exception is a defect."""
    try:
        return decode(text)
    except CorruptRecord as fault:
        return "".join(traceback.format_exception(fault))


def _enter(storage: Storage, timeout: float) -> bool:
    with storage.locked(timeout) as held:
        return held
