"""No statement has numbered placeholders: Python 3.12.0 to 3.12.3 warns of `?1` with a sequence of values."""

import re
from pathlib import Path

from gatepass.stores import sqlite

FILES = sorted(path for path in Path(sqlite.__file__).parent.rglob("*") if path.suffix in (".py", ".sql"))


def test_no_statement_has_a_numbered_placeholder() -> None:
    assert len(FILES) > 5
    assert [path.name for path in FILES if re.search(r"\?\d", path.read_text("utf-8"))] == []
