"""Serves at once while the store is away: requests are answered 503, and the gate opens as soon as it can.

For a worker that takes the place of another. Its listening socket is the supervisor's and stays open, so without a
worker the requests in it would wait without end.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Protocol

from gatepass.errors import StoreUnavailable

logger = logging.getLogger("gatepass.server")

RETRY_INTERVAL = 1.0
"""Seconds between two attempts to open the gate."""


class Gate(Protocol):
    """The part of a Gatepass that is needed here."""

    async def open(self) -> None:
        """Open the gate. Raises StoreUnavailable, after which it may be tried again."""
        ...

    async def close(self) -> None:
        """Idempotent, and right for a gate that never opened."""
        ...


@contextlib.asynccontextmanager
async def running_soon(gate: Gate, *, interval: float = RETRY_INTERVAL) -> AsyncIterator[None]:
    """Open the gate now or, if the store does not answer, later; close it at the end."""
    try:
        await gate.open()
        opening = None
    except StoreUnavailable:
        logger.warning("the store does not answer; requests are answered 503 until it does")
        opening = asyncio.create_task(_open_later(gate, interval), name="gatepass-opening")
    try:
        yield
    finally:
        if opening is not None:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        await gate.close()


async def _open_later(gate: Gate, interval: float) -> None:
    while True:
        await asyncio.sleep(interval)
        try:
            await gate.open()
        except StoreUnavailable:
            continue
        except Exception:
            logger.exception("the gate cannot be opened; trying again")
            continue
        logger.warning("the store answers; requests are served")
        return
