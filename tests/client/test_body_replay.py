"""A body is sent again whole or not at all."""

import io
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gatepass.client import AsyncClient
from gatepass.client.body_replay import is_replayable, remember_start, rewind
from gatepass.client.errors import NotReplayableError
from tests.client.fake_api import URL, Api, age_token, refused, signed_in

BODY = b"0123456789" * 20_000


def request(**body: Any) -> httpx2.Request:
    made = httpx2.Request("POST", URL, **body)
    remember_start(made)
    return made


def sent(made: httpx2.Request) -> bytes:
    assert not isinstance(made.stream, httpx2.AsyncByteStream) or isinstance(made.stream, httpx2.SyncByteStream)
    return b"".join(made.stream)


def generator() -> Iterator[bytes]:
    yield BODY


class Pipe(io.RawIOBase):
    """Reads, but cannot go back."""

    def __init__(self) -> None:
        self.left = BODY

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part, self.left = self.left[: len(buffer)], self.left[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"content": BODY},
        {"content": "text"},
        {"json": {"a": 1}},
        {"data": {"a": "1"}},
        {"data": {"a": "1"}, "files": {"f": ("f.txt", BODY)}},
        {"files": {"f": io.BytesIO(BODY)}},
        {"content": [b"one", b"two"]},
        {"content": io.BytesIO(BODY)},
    ],
    ids=lambda body: "+".join(body) or "nothing",
)
def test_what_can_be_sent_again_is_the_same_the_second_time(body: dict[str, Any]) -> None:
    made = request(**body)
    first = sent(made)
    assert rewind(made)
    assert sent(made) == first


def test_a_file_goes_again_from_where_it_stood(tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(b"skip" + BODY)
    with path.open("rb") as file:
        file.seek(4)
        made = request(content=file)
        assert sent(made) == BODY
        assert rewind(made)
        assert sent(made) == BODY


def test_generators_pipes_and_closed_files_are_not_replayable() -> None:
    closed = io.BytesIO(BODY)
    made = request(content=closed)
    closed.close()
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        bodies = [request(content=generator()), request(content=Pipe()), request(content=pipe), made]
        bodies.append(request(files={"f": Pipe()}))
        assert [is_replayable(body) or rewind(body) for body in bodies] == [False] * 5


def test_a_file_that_nobody_noted_is_not_guessed_at() -> None:
    made = httpx2.Request("POST", URL, content=io.BytesIO(BODY))
    assert not is_replayable(made)


def test_a_refused_post_of_a_file_arrives_whole_the_second_time() -> None:
    api = Api()
    with api.client() as client:
        age_token(client.session, token="ey.worn")
        assert client.post("/echo", content=io.BytesIO(BODY)).content == BODY
    assert api.bodies[0] == BODY
    assert len(api.refreshes) == 1


def test_a_used_up_body_is_an_error_that_says_so_and_the_session_is_fresh_again() -> None:
    api = Api()
    with api.client() as client:
        age_token(client.session, token="ey.worn")
        with pytest.raises(NotReplayableError) as raised:
            client.post("/echo", content=generator())
        assert raised.value.response.status_code == 401
        assert client.post("/echo", content=generator()).content == BODY
    assert [body for body in api.bodies if body] == [BODY, BODY]


async def test_async_generators_are_not_replayable_either() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield BODY

    api = Api()
    async with AsyncClient(URL, transport=api, storage=signed_in()) as client:
        age_token(client.session, token="ey.worn")
        with pytest.raises(NotReplayableError):
            await client.post("/echo", content=parts())


def test_a_streamed_401_is_read_and_its_replay_is_streamed() -> None:
    api = Api()
    with api.client() as client:
        age_token(client.session, token="ey.worn")
        with client.stream("POST", "/echo", content=BODY) as answer:
            assert b"".join(answer.iter_bytes()) == BODY


def test_the_answer_to_the_replay_is_final() -> None:
    api = Api()
    api.answering = lambda _request: refused()
    with api.client() as client:
        age_token(client.session)
        assert client.get("/x").status_code == 401
    assert (len(api.calls), len(api.refreshes)) == (2, 1)
