"""Long responses that end with their session: server-sent events, or any body that an application makes bit by bit.

    async for event in until_over(events(), principal, live=live): ...

A response cannot be sent a newer token. So it ends when its token runs out, and its client asks again with a newer one
(server-sent events: with `Last-Event-ID`). It ends at once when the session does.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import TypeVar

from gatepass.access.live import LiveConnections
from gatepass.core.principal import Principal
from gatepass.errors import InvalidToken, Unavailable

Chunk = TypeVar("Chunk")


class _Response:
    """A `live.Connection`: a response that ends with its token."""

    __slots__ = ("_loop", "_waiting", "is_over", "principal")

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.is_over = False
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Timeout | None = None

    def end(self, _refusal: InvalidToken | Unavailable) -> None:
        """End it where it waits for the application, or before the next chunk."""
        self.is_over = True
        if self._waiting is not None:
            self._waiting.reschedule(self._loop.time())

    def hold(self, refusal: InvalidToken, _now: int) -> None:
        """No newer token can come: end it."""
        self.end(refusal)

    def release(self) -> None:
        """A response holds nothing back, so there is nothing to go on with."""

    async def next_of(self, chunks: AsyncIterator[Chunk]) -> Chunk:
        """The next chunk. Raises TimeoutError if the response is over first, StopAsyncIteration after the last."""
        async with asyncio.timeout(None) as self._waiting:
            try:
                return await anext(chunks)
            finally:
                self._waiting = None


async def until_over(
    chunks: AsyncIterable[Chunk], principal: Principal, *, live: LiveConnections
) -> AsyncIterator[Chunk]:
    """The chunks, until the session of `principal` ends, its token runs out or is stale, or the guard loses its feed.

    What makes the chunks is cancelled where it waits, in its own task, so that it can clean up.
    """
    response, iterator = _Response(principal), aiter(chunks)
    live.add(response)
    try:
        while not response.is_over and live.holds(principal):
            try:
                chunk = await response.next_of(iterator)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if response.is_over:
                    return
                raise
            yield chunk
    finally:
        live.remove(response)
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()


def until_over_sync(chunks: Iterable[Chunk], principal: Principal, *, live: LiveConnections) -> Iterator[Chunk]:
    """The same without an event loop: looks before each chunk, so what makes them must not be silent for long."""
    try:
        for chunk in chunks:
            if not live.holds(principal):
                return
            yield chunk
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
