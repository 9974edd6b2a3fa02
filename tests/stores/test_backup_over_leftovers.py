"""A copy takes the place of a file beside which a log lies: SQLite would apply that to the copy."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from gatepass.stores.sqlite.backup import copy_database


def made(path: Path, rows: int, *, mode: str = "wal") -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA journal_mode = {mode}")
        database.execute("CREATE TABLE t (text TEXT)")
        database.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * rows)
        database.commit()


def count(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (number,) = database.execute("SELECT count(*) FROM t").fetchone()
        return int(number)


def test_the_log_of_what_was_there_is_not_applied_to_the_copy(tmp_path: Path) -> None:
    source, old, target = tmp_path / "source.db", tmp_path / "old.db", tmp_path / "target.db"
    made(source, 40)
    made(old, 3)
    with contextlib.closing(sqlite3.connect(old)) as killed:  # what a killed server leaves: its file and its log
        killed.execute("PRAGMA wal_autocheckpoint = 0")
        killed.execute("UPDATE t SET text = 'y'")
        killed.commit()
        shutil.copy(old, target)
        shutil.copy(f"{old}-wal", f"{target}-wal")
    copy_database(source, target, replace=True)
    assert count(target) == 40


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_nothing_of_what_was_there_stays_beside_the_copy(tmp_path: Path, end: str) -> None:
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    made(source, 4)
    leftover = tmp_path / f"target.db{end}"
    leftover.write_bytes(b"old")
    copy_database(source, target, replace=True)
    assert not leftover.exists()
    assert count(target) == 4
