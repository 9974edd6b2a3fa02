"""Decides whether a request can be sent a second time: a body is never replayed empty or cut short.

    bytes, text, JSON, form          always
    an open file that can seek       from its position at first (multipart: from its beginning, as it was sent)
    a list, or another iterable      always: it can be iterated again
    a generator, a pipe, a socket    never, once it was sent
    a stream class of your own       never: its behaviour is unknown

Call `remember_start` before the first sending and `rewind` before each further one. httpx has no public access to what
a stream wraps: if its private attribute is missing, the body cannot be replayed.
"""

from collections.abc import AsyncIterator, Iterator

from gatepass.client.http import BYTE_STREAMS, httpx

_START = "gatepass.start"


def remember_start(request: httpx.Request) -> None:
    """Remember the position of the body's file. Must be called before the request is first sent."""
    if isinstance(request.stream, BYTE_STREAMS) or _START in request.extensions:
        return
    source = getattr(request.stream, "_stream", None)
    if _is_seekable(source):
        request.extensions[_START] = source.tell()  # type: ignore[union-attr]


def is_replayable(request: httpx.Request) -> bool:
    """Return whether `rewind` can succeed. Changes nothing."""
    stream = request.stream
    if isinstance(stream, BYTE_STREAMS):
        return True
    fields = getattr(stream, "fields", None)
    if fields is not None:
        return all(_is_whole(getattr(field, "file", b"")) for field in fields)
    source = getattr(stream, "_stream", None)
    if source is None:
        return False
    if hasattr(source, "read") or hasattr(source, "aread"):
        return _START in request.extensions and _is_seekable(source)
    return not isinstance(source, Iterator | AsyncIterator)


def rewind(request: httpx.Request) -> bool:
    """Put the body back to its start. Returns False, and does nothing, if that is impossible."""
    if isinstance(request.stream, BYTE_STREAMS):
        return True
    if not is_replayable(request):
        return False
    start = request.extensions.get(_START)
    if start is not None:
        request.stream._stream.seek(start)  # type: ignore[union-attr]
    return True


def _is_whole(content: object) -> bool:
    """For a multipart field: httpx itself goes back to the beginning of a file that can seek."""
    return isinstance(content, str | bytes) or _is_seekable(content)


def _is_seekable(source: object) -> bool:
    """Return whether `source` is a file that can seek. A closed file and a pipe cannot."""
    seekable = getattr(source, "seekable", None)
    try:
        return seekable is not None and hasattr(source, "read") and bool(seekable())
    except ValueError:  # it has been closed
        return False
