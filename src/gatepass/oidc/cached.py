"""A document of a provider that is kept, and read again from time to time: its metadata, its keys.

It is fetched at the first use. What is older than FRESH is fetched again before it is used, and used all the same if
that fails, until it is older than KEPT: where a provider's documents cannot be read for a while, people still sign in.
However many requests want it, one fetches it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from gatepass.core.policy import DAY, HOUR
from gatepass.errors import Problem
from gatepass.ports import Clock

FRESH = HOUR
"""Seconds. Providers publish a new key a day or more before it signs."""
KEPT = DAY
RETRY_INTERVAL = 30
"""Seconds between two attempts that nothing forces: after a failed one, and for keys that a token asks for."""
Document = TypeVar("Document")


class Cached(Generic[Document]):
    """One document. `fetch` reads it, and raises Problem."""

    def __init__(self, fetch: Callable[[], Awaitable[Document]], *, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._document: Document | None = None
        self._fetched_at = self._tried_at = -KEPT
        self._fetching: asyncio.Task[Document] | None = None

    async def get(self) -> Document:
        """The document. Raises Problem if there is none that may be used."""
        now = self._clock.now()
        if self._document is None or not 0 <= now - self._fetched_at < KEPT:
            return await self._once()
        if now - self._fetched_at >= FRESH and now - self._tried_at >= RETRY_INTERVAL:
            try:
                return await self._once()
            except Problem:
                return self._document  # told by the fetch, and used until it is too old
        return self._document

    async def renewed(self) -> Document | None:
        """The document as it is now, because the one that is kept lacks something; None if it was read just now.

        At most one attempt in RETRY_INTERVAL: what asks for it may be forged.
        """
        if 0 <= self._clock.now() - self._tried_at < RETRY_INTERVAL:
            return None
        return await self._once()

    async def _once(self) -> Document:
        """Fetch it, or wait for the fetch that is under way, which goes on without this request."""
        fetching, loop = self._fetching, asyncio.get_running_loop()
        # A gate may be closed on one event loop and opened on another: what was left behind there never ends.
        if fetching is None or fetching.done() or fetching.get_loop() is not loop:
            self._tried_at = self._clock.now()
            self._fetching = fetching = loop.create_task(self._load())
            fetching.add_done_callback(_retrieve)
        return await asyncio.shield(fetching)

    async def _load(self) -> Document:
        self._document = document = await self._fetch()
        self._fetched_at = self._clock.now()
        return document


def _retrieve(fetching: asyncio.Task[Document]) -> None:
    """Take the result of a fetch whose callers may all have left."""
    if not fetching.cancelled():
        fetching.exception()
