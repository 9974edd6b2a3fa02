"""Connections to Redis, and the pipeline that all callers of a node share.

Commands are pipelined. All commands of one iteration of the event loop are sent in one write, at once, while earlier
ones are still under way; replies arrive in order. So a single command never waits for others, and under load many share
a round trip, a system call and a flush of the server's log.

Only the connections of redis-py are used (TLS, login, parsing), with its retries off. Its clients send a command again
when a connection breaks; here no command is sent twice that may have been executed. An error becomes StoreUnavailable
for exactly the callers that it affects, within a bounded time; it is `Unreachable` if it is certain that nothing was
sent.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from redis import exceptions
from redis.asyncio.connection import Connection as DriverConnection
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gatepass.core.secret import without_frames
from gatepass.errors import StoreUnavailable
from gatepass.stores.limits import MAX_WAITING
from gatepass.stores.redis.url import Host
from gatepass.stores.unavailable import copy_for_waiter, overloaded

CONNECT_TIMEOUT = 3.0
"""Seconds to connect and log in: short enough that a waiting request still gets its response."""
COMMAND_TIMEOUT = 5.0
"""Seconds to wait for a reply. Then the connection is given up: the commands behind it would wait as long."""
Code = Literal["MOVED", "ASK", "TRYAGAIN", "NOSCRIPT", "READONLY", "CLUSTERDOWN", "OTHER"]
Spawn = Callable[[Coroutine[Any, Any, None]], object]
_CODES: Sequence[tuple[type[Exception], Code]] = (
    (exceptions.MovedError, "MOVED"),  # before ASK, of which it is a subclass in the driver
    (exceptions.AskError, "ASK"),
    (exceptions.TryAgainError, "TRYAGAIN"),
    (exceptions.NoScriptError, "NOSCRIPT"),
    (exceptions.ReadOnlyError, "READONLY"),
    (exceptions.MasterDownError, "READONLY"),
    (exceptions.ClusterDownError, "CLUSTERDOWN"),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error reply: the server refused the command and did nothing."""

    code: Code
    text: str


Reply = bytes | int | None | list[Any] | Refusal


class Unreachable(StoreUnavailable):
    """There is no connection: nothing was sent."""


class ConnectionRejected(Unreachable):
    """The server refuses the login, or its certificate is not trusted. `reason` is a text without the password."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class Connection:
    """A connection of the driver, reduced to bytes out and replies in. Each of its errors is a StoreUnavailable."""

    def __init__(self, connection: DriverConnection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, host: Host, login: Mapping[str, object]) -> "Connection":
        """Connect and log in. Raises Unreachable."""
        connection = cls(_driver(host, login))
        del login  # crash reports show local variables
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await connection._connection.connect()  # type: ignore[no-untyped-call]
        except (exceptions.AuthenticationError, exceptions.ResponseError) as refusal:
            await connection.close()
            raise ConnectionRejected(str(refusal)) from None
        except (exceptions.RedisError, OSError) as fault:
            await connection.close()
            if isinstance(fault.__context__, ssl.SSLCertVerificationError):
                raise ConnectionRejected(
                    f"its certificate is not trusted ({fault.__context__.verify_message})"
                ) from None
            raise Unreachable from without_frames(fault)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def send(self, data: bytes) -> None:
        """Write packed commands. Raises StoreUnavailable."""
        if not self._connection.is_connected:  # the driver would silently connect again
            raise StoreUnavailable
        try:
            await self._connection.send_packed_command(data, check_health=False)
        except (exceptions.RedisError, OSError) as fault:
            raise StoreUnavailable from without_frames(fault)

    async def receive(self) -> Reply:
        """The next reply, without a timeout. Raises StoreUnavailable."""
        try:
            reply: Reply = await self._connection.read_response(disable_decoding=True, disconnect_on_error=False)
        except exceptions.ConnectionError as fault:  # includes LOADING
            raise StoreUnavailable from without_frames(fault)
        except exceptions.ResponseError as refusal:
            return Refusal(_code_of(refusal), str(refusal))
        except (exceptions.RedisError, OSError) as fault:
            raise StoreUnavailable from without_frames(fault)
        return reply

    async def close(self) -> None:
        """Close the connection without waiting for the server. Raises nothing."""
        try:
            await self._connection.disconnect(nowait=True)
        except (exceptions.RedisError, OSError):  # the connection is gone either way
            return


def _driver(host: Host, login: Mapping[str, object]) -> DriverConnection:
    arguments: dict[str, Any] = dict(login)
    kind = SSLConnection if arguments.pop("ssl", False) else DriverConnection
    return kind(
        host=host.name,
        port=host.port,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=None,  # Pipeline has a timeout for each command
        socket_connect_timeout=CONNECT_TIMEOUT,
        socket_keepalive=True,
        client_name="gatepass",
        **arguments,
    )


class Pipeline:
    """One pipelined connection to one node, opened when it is needed. For one event loop."""

    def __init__(self, connect: Callable[[], Coroutine[Any, Any, Connection]], *, spawn: Spawn) -> None:
        """`connect` opens a connection; `spawn` starts a task that is finished before the store closes."""
        self._open_connection = connect
        self._spawn = spawn
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: list[tuple[bytes, asyncio.Future[Reply] | None]] = []
        self._sent: deque[tuple[float, asyncio.Future[Reply] | None]] = deque()
        self._is_flushing = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection that has not failed."""
        return self._connection is not None

    @property
    def is_busy(self) -> bool:
        """Whether any command waits for its reply."""
        return bool(self._waiting or self._sent)

    def put(self, *commands: bytes) -> asyncio.Future[Reply]:
        """The reply to the last of these commands, which are sent together.

        Raises StoreUnavailable, either at once or from the future.
        """
        if len(self._waiting) + len(self._sent) >= MAX_WAITING:
            raise overloaded()
        answer: asyncio.Future[Reply] = self._loop.create_future()
        for command in commands[:-1]:
            self._waiting.append((command, None))
        self._waiting.append((commands[-1], answer))
        if not self._is_flushing:
            self._is_flushing = True
            self._spawn(self._flush())
        return answer

    async def close(self) -> None:
        """Disconnect. Commands that are still under way fail."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._connection is not None:
            self._break(self._connection, StoreUnavailable("The store was closed."))
        if self._reader is not None:
            await asyncio.wait([self._reader])

    async def settled(self) -> None:
        """Return once all commands have their replies."""
        while waiting := [answer for _, answer in (*self._waiting, *self._sent) if answer and not answer.done()]:
            await asyncio.wait(waiting)

    async def _flush(self) -> None:
        """Send the waiting commands, and those that arrive meanwhile."""
        try:
            while self._waiting:
                try:
                    connection = self._connection or await self._connect()
                except Unreachable as fault:
                    self._fail([answer for _, answer in self._take()], fault)
                    continue
                batch = self._take()
                now = self._loop.time()
                self._sent.extend((now, answer) for _, answer in batch)
                self._start_timer()
                try:
                    await connection.send(b"".join(command for command, _ in batch))
                except StoreUnavailable as fault:
                    self._break(connection, fault)
        except BaseException as fault:
            self._fail([answer for _, answer in self._take()], fault)
            raise
        finally:
            self._is_flushing = False

    async def _connect(self) -> Connection:
        connection = await self._open_connection()
        self._connection = connection
        self._reader = asyncio.create_task(self._read(connection))
        return connection

    async def _read(self, connection: Connection) -> None:
        try:
            while True:
                reply = await connection.receive()
                _, answer = self._sent.popleft()
                if answer is not None and not answer.done():  # else its caller was cancelled; the command is done
                    answer.set_result(reply)
        except StoreUnavailable as fault:
            self._break(connection, fault)
        except BaseException as fault:
            self._break(connection, fault)
            raise
        finally:
            await connection.close()

    def _break(self, connection: Connection, fault: BaseException) -> None:
        """Give a connection up: it is unknown which of the commands sent on it were executed."""
        if connection is not self._connection:
            return
        self._connection = None
        sent, self._sent = self._sent, deque()
        self._fail([answer for _, answer in sent], fault)
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()

    def _take(self) -> list[tuple[bytes, asyncio.Future[Reply] | None]]:
        taken, self._waiting = self._waiting, []
        return taken

    def _fail(self, answers: Sequence[asyncio.Future[Reply] | None], fault: BaseException) -> None:
        for answer in answers:
            if answer is not None and not answer.done():
                answer.set_exception(copy_for_waiter(fault))

    def _start_timer(self) -> None:
        if self._timer is None and self._sent:
            self._timer = self._loop.call_at(self._sent[0][0] + COMMAND_TIMEOUT, self._check_oldest)

    def _check_oldest(self) -> None:
        """Give the connection up if its oldest reply is overdue."""
        self._timer = None
        if self._connection is not None and self._sent and self._sent[0][0] + COMMAND_TIMEOUT <= self._loop.time():
            self._break(self._connection, TimeoutError(f"no reply within {COMMAND_TIMEOUT:.0f} s"))
        self._start_timer()


def _code_of(refusal: Exception) -> Code:
    for kind, code in _CODES:
        if isinstance(refusal, kind):
            return code
    return "OTHER"
