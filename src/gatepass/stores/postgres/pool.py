"""A few connections to PostgreSQL, lent out one at a time, replaced when they break.

Not the driver's own pool: that one sends a reset query after every use, which costs a third of the throughput.
Nothing we do leaves anything behind in a connection, so there is nothing to reset.

What goes wrong is StoreUnavailable to exactly those whom it hit, after a bounded time. Nothing is sent twice: where a
connection was lost after a statement had gone out, nobody knows whether it was done. For a refresh the table finds
out (PROTOCOL §4), whatever else is asked for says so to its caller.
"""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import asyncpg  # type: ignore[import-untyped]

from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.stores.postgres.url import Address

Result = TypeVar("Result")
Work = Callable[[Any], Awaitable[Result]]

CONNECT_TIMEOUT = 3.0
"""Seconds for a connection, all hosts together: a request behind it still gets its answer."""
STATEMENT_TIMEOUT = 4.0
"""Seconds after which the server gives a statement up: then it is known that nothing happened."""
COMMAND_TIMEOUT = 5.0
"""Seconds after which we give up waiting for the server: later, so that it mostly speaks first."""
WAIT_TIMEOUT = 5.0
"""Seconds for a connection to become free."""
IDLE_CHECK = 30.0
"""Seconds of idleness after which a connection is tried first: a firewall may have forgotten it without a word."""
_SESSION_SETTINGS = {
    "application_name": "gatepass",
    "default_transaction_isolation": "read committed",
    "idle_in_transaction_session_timeout": "10s",
    "jit": "off",
    "statement_timeout": f"{STATEMENT_TIMEOUT:.0f}s",
}
_SPENT = ("08", "25", "57P", "58", "XX")
"""Classes of SQLSTATE after which a connection is of no more use: 25 is a primary that became a standby."""
_REFUSALS = (
    asyncpg.ClientConfigurationError,
    asyncpg.InvalidAuthorizationSpecificationError,  # and the wrong password, which is one
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.UndefinedObjectError,  # an option of the URL that no server knows
    asyncpg.InvalidParameterValueError,
    ValueError,
)
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, EOFError)
"""All that can come out of the driver; time-outs are OSErrors."""


@dataclass(slots=True)
class _Idle:
    connection: Any
    since: float


class Connections:
    """At most `address.connections` of them, made when they are needed. For one event loop."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._idle: list[_Idle] = []
        self._count = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_open(self) -> bool:
        """Whether they are lent on this event loop."""
        return self._loop is asyncio.get_running_loop()

    def open(self) -> None:
        """Lend from now on, on this event loop. What another one may have left went with it."""
        self._idle, self._count, self._tasks = [], 0, set()
        self._waiters.clear()
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Finish what was accepted, then hang up. Idempotent."""
        self._loop = None
        while self._tasks:
            await asyncio.wait(self._tasks)
        idle, self._idle = self._idle, []
        self._count -= len(idle)
        for each in idle:
            await hang_up(each.connection)

    def check_open(self) -> None:
        """Raises StoreUnavailable before `open` and after `close`; RuntimeError on another event loop."""
        if self._loop is None:
            raise StoreUnavailable("The store is not open.")
        if self._loop is not asyncio.get_running_loop():
            raise RuntimeError("A PostgreSQL store belongs to the event loop that opened it; make one for each loop.")

    async def run(self, work: Work[Result]) -> Result:
        """The result of `work` on a connection of its own. Raises StoreUnavailable.

        A caller that is cancelled while it waits harms nobody; what it asked for is done all the same.
        """
        self.check_open()
        return await asyncio.shield(self.spawn(self.lend(work)))

    def spawn(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Run something that `close` waits for."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def lend(self, work: Work[Result]) -> Result:
        """As `run`, in the task of the caller, which is not cancelled."""
        connection = await self._take()
        try:
            result = await work(connection)
        except BaseException as fault:
            self._give_back(connection, is_spent=_is_spent(fault, connection))
            if isinstance(fault, asyncpg.DataError):  # a caller's mistake; the driver's text would quote the value
                raise TypeError("A value does not fit its column.") from None
            if isinstance(fault, DRIVER_ERRORS):
                raise_ill(fault)
            raise
        self._give_back(connection)
        return result

    async def dial(self) -> Any:
        """A connection beside the lent ones. Raises StoreUnavailable."""
        try:
            return await self.connect(command_timeout=COMMAND_TIMEOUT)
        except ConfigurationError as refusal:  # it was usable when the store was opened
            raise StoreUnavailable from refusal

    async def connect(self, *, command_timeout: float | None = None) -> Any:
        """A connection beside the lent ones, for a command of any length unless told otherwise.

        Raises StoreUnavailable; ConfigurationError where trying again would not help.
        """
        pooled = self._address.is_pooled
        try:
            return await asyncpg.connect(
                self._address.dsn,
                timeout=CONNECT_TIMEOUT,
                command_timeout=command_timeout,
                statement_cache_size=0 if pooled else 64,
                max_cached_statement_lifetime=0,
                server_settings={"application_name": "gatepass"} if pooled else _SESSION_SETTINGS,
                **({"target_session_attrs": "read-write"} if self._address.is_cluster else {}),
            )
        except _REFUSALS as refusal:
            raise ConfigurationError(f"Cannot use PostgreSQL at {self._address.shown}: {_reason(refusal)}.") from None
        except DRIVER_ERRORS as fault:
            raise_ill(fault)

    async def _take(self) -> Any:
        if self._idle and self._is_fresh(self._idle[-1]):
            return self._idle.pop().connection
        try:
            async with asyncio.timeout(WAIT_TIMEOUT):
                while True:
                    if self._idle:
                        connection = await self._checked(self._idle.pop())
                        if connection is not None:
                            return connection
                    elif self._count < self._address.connections:
                        return await self._add()
                    else:
                        await self._wait()
        except TimeoutError as late:
            raise_ill(late)

    def _is_fresh(self, idle: _Idle) -> bool:
        return not idle.connection.is_closed() and asyncio.get_running_loop().time() - idle.since < IDLE_CHECK

    async def _checked(self, idle: _Idle) -> Any | None:
        """The connection if it still lives."""
        try:
            if idle.connection.is_closed():
                raise ConnectionError
            if not self._is_fresh(idle):
                await idle.connection.execute("SELECT 1", timeout=1)
        except BaseException as fault:
            self._give_back(idle.connection, is_spent=True)
            if not isinstance(fault, DRIVER_ERRORS):
                raise
            return None
        return idle.connection

    async def _add(self) -> Any:
        self._count += 1
        try:
            return await self.dial()
        except BaseException:
            self._count -= 1
            self._wake()
            raise

    async def _wait(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self._wake()  # it was our turn; the next one's now
            with contextlib.suppress(ValueError):
                self._waiters.remove(waiter)
            raise

    def _give_back(self, connection: Any, *, is_spent: bool = False) -> None:
        if is_spent or connection.is_closed():
            self._count -= 1
            connection.terminate()
        else:
            self._idle.append(_Idle(connection, asyncio.get_running_loop().time()))
        self._wake()

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


async def hang_up(connection: Any) -> None:
    """Say goodbye, or not where nobody listens."""
    try:
        await connection.close(timeout=1)
    except DRIVER_ERRORS:
        connection.terminate()


def raise_ill(fault: BaseException) -> NoReturn:
    """StoreUnavailable with its cause, which is cleared of the values that the server quotes."""
    for name in ("detail", "hint"):
        if getattr(fault, name, None) is not None:
            setattr(fault, name, None)
    raise StoreUnavailable from fault


def _is_spent(fault: BaseException, connection: Any) -> bool:
    if isinstance(fault, asyncpg.PostgresError):
        state = fault.sqlstate or "XX"
        return state.startswith(_SPENT) or connection.is_closed() or connection.is_in_transaction()
    return isinstance(fault, DRIVER_ERRORS) or not isinstance(fault, Exception)


def _reason(refusal: Exception) -> str:
    """The server's own words, which name users and databases but no password; the driver's may quote the URL."""
    if isinstance(refusal, asyncpg.PostgresError):
        return str(refusal.args[0])
    if isinstance(refusal, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({refusal.verify_message})"
    return "the URL cannot be read or names a file that is not there; percent-encode special characters"
