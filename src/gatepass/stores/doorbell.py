"""What messages on a store's channel named, since the last look.

Any role that may connect to PostgreSQL may NOTIFY, and any user of Redis with the right to PUBLISH may publish: a
message is no authority (P5). Here it becomes sids to look up. Text that cannot be read, or a flood, becomes "look at
everything"; no text raises, and none costs more than bounded memory.
"""

import asyncio
import re
from collections.abc import Sequence

from gatepass.ports import CLAIMS_CHANGED
from gatepass.stores.limits import MAX_NAMED

_CLAIMS = CLAIMS_CHANGED.decode()
_ITEM = re.compile(r"([0-9a-f]{32}) [0-9]{1,19}", re.ASCII)


def message_of(sid: bytes, at: int) -> str:
    """The message of one revocation; several are joined by commas. `at` (Unix seconds) is for people who read along."""
    return f"{sid.hex()} {at}"


class Doorbell:
    """The sids that messages named. An empty message names none and means "look"."""

    def __init__(self) -> None:
        self._named: dict[bytes, None] = {}
        self._is_unclear = False

    def ring(self, text: str) -> None:
        """Hear one message, whatever it says."""
        if self._is_unclear:
            return
        if text == _CLAIMS:
            self._named[CLAIMS_CHANGED] = None
            return
        for item in text[: 64 * MAX_NAMED].split(","):
            match = _ITEM.fullmatch(item)
            if match is None or len(self._named) >= MAX_NAMED:
                self._is_unclear = True
                return
            self._named[bytes.fromhex(match[1])] = None

    def take(self) -> Sequence[bytes]:
        """What was named since the last call; nothing if a message said less or more than that."""
        named, is_unclear = tuple(self._named), self._is_unclear
        self._named, self._is_unclear = {}, False
        return () if is_unclear else named


class Silence:
    """A subscription to an engine that cannot push: it asks its reader to look, every `interval` seconds at least."""

    def __init__(self, interval: float = float("inf")) -> None:
        self._interval = interval

    async def next(self, within: float) -> Sequence[bytes]:
        await asyncio.sleep(min(within, self._interval))
        return ()
