"""The format of server-sent events as the Python client reads it (HTML, "Parsing an event stream")."""

import itertools
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from gatepass.client import AsyncClient, Client
from gatepass.client.event_lines import MAX_LINE
from gatepass.client.events import ServerSentEvent, async_events, events
from tests.client.fake_api import URL, Api, signed_in


class Chunks(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body that arrives in these pieces, then nothing until it is closed."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.is_at_end = False

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks
        self.is_at_end = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


def serving(*chunks: bytes) -> tuple[Api, Chunks]:
    """An API whose first answer is this stream, and whose second one says that there is no more."""
    api, body = Api(), Chunks(*chunks)
    answers = iter([httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, stream=body)])
    api.answering = lambda _request: next(answers, httpx2.Response(204))
    return api, body


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatepass.client.events.random.uniform", lambda _low, _high: 0.0)


def read(*chunks: bytes) -> list[ServerSentEvent]:
    api, _ = serving(*chunks)
    with api.client() as client:
        return list(events(client, "/news"))


async def read_async(*chunks: bytes) -> list[ServerSentEvent]:
    api, _ = serving(*chunks)
    async with AsyncClient(URL, transport=api, storage=signed_in()) as client:
        return [event async for event in async_events(client, "/news")]


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"])
async def test_what_python_takes_for_the_end_of_a_line_may_be_in_data(mark: str) -> None:
    body = f'data: {{"text": "one{mark}two"}}\n\n'.encode()
    expected = [ServerSentEvent(f'{{"text": "one{mark}two"}}')]
    assert read(body) == expected
    assert await read_async(body) == expected


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_lines_end_alike_however_the_stream_is_cut(end: str) -> None:
    body = end.join(["id: 1", "data: é", "data: b", "", "data: c", "", ""]).encode()
    expected = [ServerSentEvent("é\nb", id="1"), ServerSentEvent("c", id="1")]
    assert read(body) == expected
    assert read(*(bytes([byte]) for byte in body)) == expected
    for place in range(len(body)):
        assert read(body[:place], body[place:]) == expected


def test_an_event_that_ends_with_cr_does_not_wait_for_the_next_chunk() -> None:
    api, body = serving(b"data: now\r\r")
    with api.client() as client:
        stream = events(client, "/news")
        assert next(stream).data == "now"
        assert not body.is_at_end
        stream.close()


def test_a_byte_order_mark_is_no_part_of_the_first_field() -> None:
    assert read(b"\xef\xbb", b"\xbfdata: first\n\n") == [ServerSentEvent("first")]


def test_the_text_is_utf_8_whatever_the_response_says() -> None:
    api, body = Api(), Chunks("data: é\n\n".encode())
    head = {"Content-Type": "text/event-stream; charset=latin-1"}
    answers = iter([httpx2.Response(200, headers=head, stream=body)])
    api.answering = lambda _request: next(answers, httpx2.Response(204))
    with api.client() as client:
        assert [event.data for event in events(client, "/news")] == ["é"]


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    endless = itertools.repeat(b"x" * 65_536, MAX_LINE // 65_536 + 2)
    with pytest.raises(ValueError, match="more than"):
        read(b"data: ", *endless)


def test_an_event_of_empty_lines_without_an_end_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatepass.client.events.MAX_LINE", 100)
    with pytest.raises(ValueError, match="more than"):
        read(b"data\n" * 101)


def test_a_long_line_is_searched_once_however_small_its_chunks_are(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []

    class End:
        def split(self, text: str) -> list[str]:
            searched.append(text)
            return text.split("\n")

    monkeypatch.setattr("gatepass.client.event_lines._END", End())
    assert [event.data for event in read(b"data: ", *[b"x"] * 50, b"\n\n")] == ["x" * 50]
    assert sum(map(len, searched)) == len("data: \n\n") + 50


def test_the_place_may_be_any_text() -> None:
    api, _ = serving("id: Ä7\ndata: x\n\n".encode())
    with api.client() as client:
        assert [event.id for event in events(client, "/news")] == ["Ä7"]
    assert dict(api.calls[-1].headers.raw)[b"Last-Event-ID"] == "Ä7".encode()


def test_an_address_that_cannot_be_asked_is_said_and_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(_seconds: float) -> None:
        raise AssertionError("it would be tried again")

    monkeypatch.setattr("gatepass.client.events.time.sleep", sleep)
    with Client() as client, pytest.raises(httpx2.UnsupportedProtocol):
        next(events(client, "/news"))
    api = Api()
    api.answering = lambda request: httpx2.Response(302, headers={"Location": str(request.url)})
    with api.client(follow_redirects=True) as client, pytest.raises(httpx2.TooManyRedirects):
        next(events(client, "/news"))
