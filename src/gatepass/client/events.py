"""Server-sent events over a client's session, from one response to the next (PROTOCOL §10).

    for event in events(client, "/news"): print(event.data)
    async for event in async_events(client, "/news"): ...

A response ends when its access token runs out, and networks end it earlier: each time the reader comes back with a
newer token and the id of the last event, after a pause with jitter. It ends for good with the session of its first
response, and never goes on with that of another person. A sign-out ends it at once, also where the server does not
hear of it; in sync code, where nothing can wake a thread that reads, no event comes after it.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from dataclasses import dataclass
from typing import Any

from gatepass.client.errors import (
    ClientError,
    ServerError,
    SessionEndedError,
    TooManyRequestsError,
    UnauthenticatedError,
    raise_for_problem,
)
from gatepass.client.event_lines import MAX_LINE, async_lines_of, lines_of
from gatepass.client.flow import drive, drive_async
from gatepass.client.http import HOPELESS, REQUEST_ERRORS
from gatepass.client.layers.session import session_of

INITIAL_PAUSE = 0.5
MAX_PAUSE = 30.0
"""Seconds between two attempts, doubled after each that brought no event."""
MEDIA_TYPE = "text/event-stream"
_LATER: tuple[type[Exception], ...] = (ServerError, TooManyRequestsError, *REQUEST_ERRORS)


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event (HTML, "Server-sent events"). `id` is that of the last event that had one."""

    data: str
    event: str = "message"
    id: str = ""


class _Reader:
    """What is kept from one response to the next."""

    def __init__(self, last_event_id: str) -> None:
        self.last_id = last_event_id
        self._fields: dict[str, str] = {}
        self._data: list[str] = []
        self._length = 0
        self._pause = self._base = INITIAL_PAUSE
        self._was_refused = False

    def headers(self) -> dict[bytes, bytes]:
        """The headers of the next request."""
        self._fields, self._data, self._length = {}, [], 0
        since = {b"Last-Event-ID": self.last_id.encode()} if self.last_id else {}
        return {b"Accept": MEDIA_TYPE.encode(), b"Cache-Control": b"no-store", **since}

    def take(self, line: str) -> ServerSentEvent | None:
        """The event that a line completes."""
        if not line:
            return self._complete()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._length += len(value) + 1  # with its end: empty ones are kept too
            if self._length > MAX_LINE:
                raise ValueError(f"an event of more than {MAX_LINE} characters")
        elif name == "id" and "\0" not in value:
            self._fields["id"] = value
        elif name == "event":
            self._fields["event"] = value
        elif name == "retry" and value.isdecimal() and len(value) < 9:
            self._pause = self._base = min(MAX_PAUSE, int(value) / 1000)
        return None

    def note_refusal(self, refusal: UnauthenticatedError, client: Any) -> None:
        """A 401. Raises it again without a session, and for a second one in a row, which no newer token helps."""
        if self._was_refused or client.session.session_id is None:
            raise refusal
        self._was_refused = True

    def pause(self, lost: Exception | None) -> float:
        """Seconds until the next attempt, after an end or this error."""
        chosen = random.uniform(self._pause / 2, self._pause)  # noqa: S311 - keeps clients apart, guards nothing
        self._pause = min(MAX_PAUSE, max(self._pause, INITIAL_PAUSE) * 2)
        return max(chosen, getattr(lost, "retry_after", None) or 0.0)

    def _complete(self) -> ServerSentEvent | None:
        fields, data = self._fields, self._data
        self._fields, self._data, self._length = {}, [], 0
        self.last_id = fields.get("id", self.last_id)
        if not data:
            return None
        self._pause, self._was_refused = self._base, False
        return ServerSentEvent("\n".join(data), fields.get("event") or "message", self.last_id)


class _Owner:
    """Whose events they are: those of the session that the first response was for."""

    def __init__(self, client: Any) -> None:
        self._session = client.session
        self._sid: str | None = None
        self._reading: asyncio.Timeout | None = None

    @property
    def is_gone(self) -> bool:
        """Whether that session has ended, here or at the server, or another one is in its place."""
        return self._sid is not None and self._session.state.sid != self._sid

    def check(self) -> None:
        """Raise SessionEndedError once it has."""
        if self.is_gone:
            raise SessionEndedError(self._session.state.reason or "replaced", session_id=self._sid)

    def note(self, response: Any) -> None:
        """A response has begun."""
        self._sid = self._sid or session_of(response) or self._session.state.sid
        self.check()

    @contextlib.contextmanager
    def watched(self) -> Generator[None]:
        """Wake `next_line` when the session changes, from whatever thread."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            if self._reading is not None and self.is_gone:
                self._reading.reschedule(loop.time())

        with self._session.state.watching(wake):
            yield

    async def next_line(self, lines: AsyncIterator[str]) -> str | None:
        """The next line, None after the last. Raises as `check`, also while it waits."""
        self.check()
        try:
            async with asyncio.timeout(None) as self._reading:
                return await anext(lines, None)
        except TimeoutError:
            self.check()
            raise
        finally:
            self._reading = None


def events(
    client: Any, url: str, *, last_event_id: str = "", read_timeout: float | None = None
) -> Generator[ServerSentEvent, None, None]:
    """The events at `url`, for a `Client`: without end, unless the server answers 204.

    `read_timeout`: seconds of silence after which the connection is given up; None for a server that may be silent.
    Raises SessionEndedError once the session is over, the ProblemError of an answer that a later attempt does not
    change, ClientError for what is no event stream, httpx's UnsupportedProtocol and TooManyRedirects, and ValueError
    for an event that is too long.
    """
    reader, owner, lost = _Reader(last_event_id), _Owner(client), None
    while True:
        owner.check()
        try:
            with client.stream(
                "GET", url, headers=reader.headers(), timeout=_timeout(client, read_timeout)
            ) as response:
                if response.status_code >= 400:
                    response.read()
                if _is_over(response):
                    return
                owner.note(response)
                for line in lines_of(response):
                    owner.check()
                    if (event := reader.take(line)) is not None:
                        yield event
        except UnauthenticatedError as refusal:
            owner.check()
            # A token that is young is not renewed for a call; here it may be that the session has just ended.
            reader.note_refusal(refusal, client)
            drive(client.session.refresh(), client)
            continue
        except HOPELESS:
            raise
        except _LATER as error:
            lost = error
        time.sleep(reader.pause(lost))
        lost = None


async def async_events(
    client: Any, url: str, *, last_event_id: str = "", read_timeout: float | None = None
) -> AsyncGenerator[ServerSentEvent, None]:
    """The same for an `AsyncClient`."""
    reader, owner, lost = _Reader(last_event_id), _Owner(client), None
    with owner.watched():
        while True:
            owner.check()
            try:
                limit = _timeout(client, read_timeout)
                async with client.stream("GET", url, headers=reader.headers(), timeout=limit) as response:
                    if response.status_code >= 400:
                        await response.aread()
                    if _is_over(response):
                        return
                    owner.note(response)
                    lines = async_lines_of(response)
                    while (line := await owner.next_line(lines)) is not None:
                        if (event := reader.take(line)) is not None:
                            yield event
            except UnauthenticatedError as refusal:
                owner.check()
                reader.note_refusal(refusal, client)
                await drive_async(client.session.refresh(), client)
                continue
            except HOPELESS:
                raise
            except _LATER as error:
                lost = error
            await asyncio.sleep(reader.pause(lost))
            lost = None


def _is_over(response: Any) -> bool:
    """Whether the server wants no other request (204). Raises for what is no event stream."""
    raise_for_problem(response)
    if response.status_code == 204:
        return True
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status_code != 200 or kind != MEDIA_TYPE:
        raise ClientError(f"{response.request.url.path} is no event stream: {response.status_code} {kind}")
    return False


def _timeout(client: Any, read: float | None) -> Any:
    given = client.timeout
    return type(given)(connect=given.connect, read=read, write=given.write, pool=given.pool)
