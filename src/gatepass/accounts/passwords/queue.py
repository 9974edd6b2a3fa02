"""Which password is hashed next: a bounded queue that is fair between networks.

Passwords are hashed in as many threads as there are cores. In one line, first come, first served, a network that sends
hundreds of sign-ins at once would make all other sign-ins wait behind them. Here each network has a line of its own:

    next      the networks take turns, one password each
    full      the newest password of the network with the most of them is refused; of equals, the one that came last

So a network with one sign-in waits for at most one of each other network, however many those send. An unknown network
("" or None) is one among the others: nothing is counted against it, but it has one line.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

from gatepass.errors import Overloaded

Line = deque[asyncio.Future[None]]


class FairQueue:
    """Turns for at most `running` at a time; at most `waiting` wait. For one event loop at a time."""

    def __init__(self, *, running: int, waiting: int) -> None:
        self._running = self._free = running
        self._max_waiting = waiting
        self._lines: dict[str, Line] = {}
        """By network. The first one is next; no line is empty."""
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextlib.asynccontextmanager
    async def turn(self, network: str | None) -> AsyncIterator[None]:
        """Around the work. Raises Overloaded if the queue is full, at once or while waiting."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # the turns of a loop that has ended never end
            self._loop, self._free, self._lines = loop, self._running, {}
        if self._free:
            self._free -= 1
        else:
            await self._wait(network or "")
        try:
            yield
        finally:
            if loop is self._loop:
                self._pass_on()

    async def _wait(self, network: str) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(network, deque()).append(waiter)
        if sum(map(len, self._lines.values())) > self._max_waiting:
            self._refuse_one(newcomer=network)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._leave(network, waiter)
            elif waiter.exception() is None:  # its turn had come meanwhile
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give a turn that has ended to the next network."""
        while self._lines:
            network = next(iter(self._lines))
            line = self._lines.pop(network)
            waiter = line.popleft()
            if line:
                self._lines[network] = line  # again at the end: the others come first
            if not waiter.done():  # its caller may have gone
                waiter.set_result(None)
                return
        self._free += 1

    def _refuse_one(self, *, newcomer: str) -> None:
        longest = max(map(len, self._lines.values()))
        is_newcomer = len(self._lines[newcomer]) == longest
        network = newcomer if is_newcomer else next(each for each, line in self._lines.items() if len(line) == longest)
        waiter = self._lines[network][-1]
        self._leave(network, waiter)
        waiter.set_exception(Overloaded())

    def _leave(self, network: str, waiter: asyncio.Future[None]) -> None:
        line = self._lines.get(network, ())
        if line and waiter in line:
            line.remove(waiter)
            if not line:
                del self._lines[network]
