"""The lines of a stream of events (HTML, "Parsing an event stream"): UTF-8, ended by LF, CR or both, by nothing else.

httpx's `iter_lines` also ends one at what `str.splitlines` takes for an end. JSON may have such a character as it is,
U+2028 for example, and would be cut there.
"""

import codecs
import re
from collections.abc import AsyncIterator, Iterator

from gatepass.client.http import httpx

MAX_LINE = 1_000_000
"""Characters that are kept of an unfinished line, and of an unfinished event."""
_END = re.compile(r"\r\n|\n|\r")


class _Lines:
    """Complete lines, from chunks that are cut anywhere; one that is cut off at the end is none."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")  # takes the byte order mark away
        self._rest = ""
        self._is_after_cr = False

    def take(self, chunk: bytes) -> list[str]:
        """The lines that this chunk completes. Raises ValueError for one that is too long."""
        text = self._decoder.decode(chunk)
        if not text:
            return []
        # A CR ends its line at once; a LF that follows it in the next chunk is part of the same end.
        added = text.removeprefix("\n") if self._is_after_cr else text
        self._is_after_cr = text.endswith("\r")
        # What has been searched is not searched again: a long line comes in many chunks.
        first, *others = _END.split(added)
        *lines, self._rest = self._rest + first, *others
        if len(self._rest) > MAX_LINE:
            raise ValueError(f"a line of more than {MAX_LINE} characters")
        return lines


def lines_of(response: httpx.Response) -> Iterator[str]:
    """The lines of a response that is being streamed."""
    lines = _Lines()
    for chunk in response.iter_bytes():
        yield from lines.take(chunk)


async def async_lines_of(response: httpx.Response) -> AsyncIterator[str]:
    """The same for an async response."""
    lines = _Lines()
    async for chunk in response.aiter_bytes():
        for line in lines.take(chunk):
            yield line
