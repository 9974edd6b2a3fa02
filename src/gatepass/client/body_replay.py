"""Whether a request can be sent a second time, whole: a body is never replayed empty or cut short.

    bytes, text, JSON, form          always
    an open file that can seek       from where it stood at first (multipart: from its beginning, as it was sent)
    a list, or another iterable      always: it can be run through again
    a generator, a pipe, a socket    never, once it was sent
    a stream class of your own       never: what it does is unknown

`note` goes before the first sending, `rewind` before each further one. httpx has no public way to what a stream
wraps; so its attribute is looked for with care, and what is not found cannot be replayed.
"""

from collections.abc import AsyncIterator, Iterator

from gatepass.client.http import httpx

_START = "gatepass.start"


def note(request: httpx.Request) -> None:
    """Remember where the body's file stands, before it is first sent."""
    if isinstance(request.stream, httpx.ByteStream) or _START in request.extensions:
        return
    source = getattr(request.stream, "_stream", None)
    if _is_seekable(source):
        request.extensions[_START] = source.tell()  # type: ignore[union-attr]


def replayable(request: httpx.Request) -> bool:
    """Whether `rewind` can make it fit to be sent again."""
    stream = request.stream
    if isinstance(stream, httpx.ByteStream):
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
    """Make the body ready to be sent again from its start; False, and nothing done, where it cannot be."""
    if isinstance(request.stream, httpx.ByteStream):
        return True
    if not replayable(request):
        return False
    start = request.extensions.get(_START)
    if start is not None:
        request.stream._stream.seek(start)  # type: ignore[union-attr]
    return True


def _is_whole(content: object) -> bool:
    """Of a multipart field: httpx goes to a file's beginning by itself, where it can."""
    return isinstance(content, str | bytes) or _is_seekable(content)


def _is_seekable(source: object) -> bool:
    """Whether it is a file that can go back, and says so truly: a closed one or a pipe cannot."""
    seekable = getattr(source, "seekable", None)
    try:
        return seekable is not None and hasattr(source, "read") and bool(seekable())
    except ValueError:  # closed meanwhile
        return False
