"""Makes a thing once: a stamp beside it says from what it was made, so that a second start takes no time."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def digest(paths: Iterable[Path], *extra: str) -> str:
    """A digest of files below the root and words: the same digest, the same result."""
    seen = hashlib.sha256(repr(extra).encode())
    for path in sorted(paths):
        seen.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return seen.hexdigest()


def is_made(record: Path, stamp: str, *, result: Path) -> bool:
    """Whether `result` is there and was made under this very stamp."""
    return result.exists() and record.is_file() and record.read_text() == stamp


def once(record: Path, stamp: str, make: Callable[[], None], *, result: Path) -> None:
    """Call `make` unless `result` was made under this very stamp, which `record` keeps."""
    if is_made(record, stamp, result=result):
        return
    record.unlink(missing_ok=True)
    make()
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(stamp)
