"""A pool of a few connections to PostgreSQL, which are replaced when they break.

It is not the driver's own pool: that one sends a reset query after each use, which costs a third of the throughput. Our
statements leave no state in a connection, so there is nothing to reset.

An error becomes StoreUnavailable for exactly the callers that it affects, within a bounded time. No statement is sent
twice: if a connection is lost after a statement was sent, it is unknown whether the statement was executed. For a
refresh the table finds out (PROTOCOL §4); the caller of any other verb gets the error.
"""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import asyncpg  # type: ignore[import-untyped]

from gatepass.core.secret import without_frames
from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.stores.postgres.url import PostgresUrl
from gatepass.stores.tasks import TaskSet

Result = TypeVar("Result")
Work = Callable[[Any], Awaitable[Result]]

CONNECT_TIMEOUT = 3.0
"""Seconds to connect, for all hosts together: short enough that a waiting request still gets its response."""
STATEMENT_TIMEOUT = 4.0
"""Seconds after which the server cancels a statement: then it is known that nothing was changed."""
COMMAND_TIMEOUT = 5.0
"""Seconds after which the driver gives up on a statement: later, so that normally the server cancels first."""
WAIT_TIMEOUT = 5.0
"""Seconds to wait for a free connection."""
RESERVED = 2
"""Connections that only swaps use, if there are more: a sign-out that waits for a locked row must stop no refresh."""
MAX_UNTESTED_IDLE = 30.0
"""Seconds of idleness after which a connection is tested before use: a firewall may have dropped it silently."""
_SESSION_SETTINGS = {
    "application_name": "gatepass",
    "default_transaction_isolation": "read committed",
    "idle_in_transaction_session_timeout": "10s",
    "jit": "off",
    "statement_timeout": f"{STATEMENT_TIMEOUT:.0f}s",
}
_BREAKING_SQLSTATES = ("08", "25", "57P", "58", "XX")
"""Classes of SQLSTATE after which a connection must be replaced: 25 is a primary that became a standby."""
_REFUSALS = (
    asyncpg.ClientConfigurationError,
    asyncpg.InvalidAuthorizationSpecificationError,  # includes a wrong password
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.UndefinedObjectError,  # an option of the URL that the server does not know
    asyncpg.InvalidParameterValueError,
    ValueError,
)
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, EOFError)
"""All errors that the driver raises; time-outs are OSErrors."""


@dataclass(slots=True)
class _Idle:
    connection: Any
    since: float


class ConnectionPool:
    """At most `url.connections` connections, made when they are needed. For one event loop."""

    def __init__(self, url: PostgresUrl) -> None:
        self._url = url
        self._idle: list[_Idle] = []
        self._count = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._unreserved = asyncio.Semaphore(self._unreserved_count)
        self._tasks = TaskSet()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.newest_commit = "on"
        """What `synchronous_commit` is on the newest connection."""

    @property
    def _unreserved_count(self) -> int:
        return max(1, self._url.connections - RESERVED)

    @property
    def is_open(self) -> bool:
        """Whether the pool serves the running event loop."""
        return self._loop is asyncio.get_running_loop()

    def open(self) -> None:
        """Serve the running event loop from now on. Connections of an earlier loop ended with that loop."""
        self._idle, self._count, self._tasks = [], 0, TaskSet()
        self._waiters.clear()
        self._unreserved = asyncio.Semaphore(self._unreserved_count)
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Finish the accepted work, then close the connections. Idempotent."""
        self._loop = None
        await self._tasks.finish()
        idle, self._idle = self._idle, []
        self._count -= len(idle)
        for each in idle:
            await close_connection(each.connection)

    def check_open(self) -> None:
        """Raises StoreUnavailable before `open` and after `close`; RuntimeError on another event loop."""
        if self._loop is None:
            raise StoreUnavailable("The store is not open.")
        if self._loop is not asyncio.get_running_loop():
            raise RuntimeError("A PostgreSQL store belongs to the event loop that opened it; make one for each loop.")

    async def run(self, work: Work[Result]) -> Result:
        """The result of `work` on a connection that no other work uses meanwhile. Raises StoreUnavailable.

        Cancelling the caller does not cancel the work.
        """
        self.check_open()
        return await self._tasks.shielded(self._run_unreserved(work))

    def spawn(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Start `work` as a task that `close` waits for."""
        return self._tasks.spawn(work)

    async def _run_unreserved(self, work: Work[Result]) -> Result:
        try:
            async with asyncio.timeout(WAIT_TIMEOUT):
                await self._unreserved.acquire()
        except TimeoutError as late:
            raise_unavailable(late)
        try:
            return await self.run_in_caller(work)
        finally:
            self._unreserved.release()

    async def run_in_caller(self, work: Work[Result]) -> Result:
        """As `run`, on any connection and in the task of the caller, which must not be cancelled."""
        connection = await self._acquire()
        try:
            result = await work(connection)
        except BaseException as fault:
            self._release(connection, is_broken=_breaks(connection, fault))
            if isinstance(fault, asyncpg.DataError):  # a mistake of the caller; the driver's text quotes the value
                raise TypeError("A value does not fit its column.") from None
            if isinstance(fault, DRIVER_ERRORS):
                raise_unavailable(fault)
            raise
        self._release(connection)
        return result

    async def new_connection(self) -> Any:
        """A connection outside the pool, with COMMAND_TIMEOUT for each command. Raises StoreUnavailable."""
        try:
            return await self.connect(command_timeout=COMMAND_TIMEOUT)
        except ConfigurationError as refusal:  # the same URL worked when the store was opened
            raise StoreUnavailable from refusal

    async def connect(self, *, command_timeout: float | None = None) -> Any:
        """A connection outside the pool. Without `command_timeout` (seconds) a command may take any time.

        Raises StoreUnavailable, or ConfigurationError if trying again would not help.
        """
        pooled = self._url.is_pooled
        try:
            return await asyncpg.connect(
                self._url.dsn,
                timeout=CONNECT_TIMEOUT,
                command_timeout=command_timeout,
                statement_cache_size=0 if pooled else 64,
                max_cached_statement_lifetime=0,
                server_settings={"application_name": "gatepass"} if pooled else _SESSION_SETTINGS,
                **({"target_session_attrs": "read-write"} if self._url.is_cluster else {}),
            )
        except _REFUSALS as refusal:
            raise ConfigurationError(f"Cannot use PostgreSQL at {self._url.display}: {_reason(refusal)}.") from None
        except DRIVER_ERRORS as fault:
            raise_unavailable(fault)

    async def _acquire(self) -> Any:
        if self._idle and self._is_fresh(self._idle[-1]):
            return self._idle.pop().connection
        try:
            async with asyncio.timeout(WAIT_TIMEOUT):
                while True:
                    if self._idle:
                        connection = await self._tested(self._idle.pop())
                        if connection is not None:
                            return connection
                    elif self._count < self._url.connections:
                        return await self._add()
                    else:
                        await self._wait()
        except TimeoutError as late:
            raise_unavailable(late)

    def _is_fresh(self, idle: _Idle) -> bool:
        return not idle.connection.is_closed() and asyncio.get_running_loop().time() - idle.since < MAX_UNTESTED_IDLE

    async def _tested(self, idle: _Idle) -> Any | None:
        """The connection, or None if it no longer works."""
        try:
            if idle.connection.is_closed():
                raise ConnectionError
            if not self._is_fresh(idle):
                await idle.connection.execute("SELECT 1", timeout=1)
        except BaseException as fault:
            self._release(idle.connection, is_broken=True)
            if not isinstance(fault, DRIVER_ERRORS):
                raise
            return None
        return idle.connection

    async def _add(self) -> Any:
        self._count += 1
        connection: Any = None
        try:
            connection = await self.new_connection()
            self.newest_commit = await connection.fetchval("SELECT current_setting('synchronous_commit')")
        except BaseException as fault:
            self._count -= 1
            if connection is not None:
                connection.terminate()
            self._wake_next()
            if isinstance(fault, DRIVER_ERRORS):
                raise_unavailable(fault)
            raise
        return connection

    async def _wait(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self._wake_next()  # this waiter was woken and cannot use the connection
            with contextlib.suppress(ValueError):
                self._waiters.remove(waiter)
            raise

    def _release(self, connection: Any, *, is_broken: bool = False) -> None:
        if is_broken or connection.is_closed():
            self._count -= 1
            connection.terminate()
        else:
            self._idle.append(_Idle(connection, asyncio.get_running_loop().time()))
        self._wake_next()

    def _wake_next(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


async def close_connection(connection: Any) -> None:
    """Close the connection; terminate it if the server does not respond."""
    try:
        await connection.close(timeout=1)
    except DRIVER_ERRORS:
        connection.terminate()


def raise_unavailable(fault: BaseException) -> NoReturn:
    """Raise StoreUnavailable from `fault`, without the values of the row that the server quotes, nor the URL."""
    for name in ("detail", "hint"):
        if getattr(fault, name, None) is not None:
            setattr(fault, name, None)
    raise StoreUnavailable from without_frames(fault)


def _breaks(connection: Any, fault: BaseException) -> bool:
    """Whether the connection cannot be used again after this fault."""
    if isinstance(fault, asyncpg.PostgresError):
        state = fault.sqlstate or "XX"
        return state.startswith(_BREAKING_SQLSTATES) or connection.is_closed() or connection.is_in_transaction()
    return isinstance(fault, DRIVER_ERRORS) or not isinstance(fault, Exception)


def _reason(refusal: Exception) -> str:
    """The text of the server, which names users and databases but no password; the driver's text may quote the URL."""
    if isinstance(refusal, asyncpg.PostgresError):
        return str(refusal.args[0])
    if isinstance(refusal, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({refusal.verify_message})"
    return "the URL cannot be read or names a missing file; percent-encode special characters"
