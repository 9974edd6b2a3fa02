"""The clock of a server process that a test can set: seconds to add to the real time, in a file."""

import time
from pathlib import Path


class FileClock:
    """The real time and what the file says; without a file, the real time."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> int:
        """Whole Unix seconds."""
        try:
            return int(time.time()) + int(self._file.read_text())
        except FileNotFoundError:
            return int(time.time())

    def set(self, offset: int) -> None:
        """From now on this many seconds are added. A file that is just being replaced never reads empty."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(offset))
        fresh.replace(self._file)
