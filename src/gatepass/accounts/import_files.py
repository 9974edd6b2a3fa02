"""Reads the files of an import line by line, as databases, programs and spreadsheets write them.

A byte order mark, semicolons or tabs for commas, and capitals in the header are usual. A file must be UTF-8: of another
encoding every umlaut would become another letter, and its owner could not sign in.
"""

import csv
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from gatepass.errors import GatepassError

MAX_LINE = 64 * 1024
"""Bytes; the rest of a longer line is refused as a line of its own."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_FOREIGN = re.compile("[\udc80-\udcff]")
"""What a byte that is not UTF-8 becomes under `surrogateescape`."""


class Broken(NamedTuple):
    """A line that cannot be parsed, and why."""

    why: str


NOT_UTF8 = Broken("it is not UTF-8")


class UnreadableFile(GatepassError):
    """The file as a whole cannot be imported. The message says what to do."""


def read_records(file: BinaryIO, *, is_csv: bool) -> Iterator[tuple[int, object]]:
    """The records of a file, each with the number of its line. A line of JSON is yielded as text.

    Raises UnreadableFile for a file in UTF-16, as spreadsheets export it.
    """
    if is_csv:
        yield from _read_csv(_lines(file))
        return
    for number, line in enumerate(_lines(file), 1):
        if line.strip():
            yield number, NOT_UTF8 if _FOREIGN.search(line) else line


def _read_csv(lines: Iterator[str]) -> Iterator[tuple[int, object]]:
    header = next(lines, "")
    delimiter = max(",;\t", key=header.count)
    names = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield reader.line_num + 1, Broken("it is not CSV")
            continue
        if row:
            yield reader.line_num + 1, _record(names, row)


def _record(names: list[str], row: list[str]) -> object:
    if any(_FOREIGN.search(value) for value in row):
        return NOT_UTF8
    if len(row) > len(names):
        return Broken("it has more fields than the header")
    return {name: value for name, value in zip(names, row, strict=False) if value != ""}


def _lines(file: BinaryIO) -> Iterator[str]:
    """The lines of a file in pieces of at most MAX_LINE, so that one long line does not fill the memory."""
    is_first = True
    while line := file.readline(MAX_LINE):
        if is_first and line.startswith(_UTF16):
            raise UnreadableFile("The file is UTF-16. Save it as UTF-8 and import it again.")
        text = line.decode("utf-8", "surrogateescape")
        yield text.removeprefix("\ufeff") if is_first else text
        is_first = False
