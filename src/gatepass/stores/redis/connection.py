"""Connections to Redis: one per node that everybody shares, and one for what must be durable.

Commands are pipelined. What is asked for in one turn of the event loop goes out in one piece, at once, while earlier
ones are still on their way; answers come back in order. So alone nobody waits, and under load a round trip, a system
call and a flush of the server's log are shared by many.

Of redis-py only its connections are used (TLS, login, parsing), with its retries off. Its clients send a command again
when a connection breaks; here nothing is ever sent twice that may have been done. What goes wrong is StoreUnavailable
to exactly those whom it hit, within a bounded time, and `Unreachable` where it is certain that nothing was sent.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from redis import exceptions as driver
from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gatepass.errors import StoreUnavailable
from gatepass.stores.redis.url import Host

CONNECT_TIMEOUT = 3.0
"""Seconds for a connection with its login: a request behind it still gets its answer."""
COMMAND_TIMEOUT = 5.0
"""Seconds for an answer. The connection is given up then: whoever is behind would wait as long."""
MAX_WAITING = 10_000
"""Commands under way to one node: about half a second of work. More would be answered after clients gave up."""
Code = Literal["MOVED", "ASK", "TRYAGAIN", "NOSCRIPT", "READONLY", "CLUSTERDOWN", "OTHER"]
Spawn = Callable[[Coroutine[Any, Any, None]], object]
_KINDS: Sequence[tuple[type[Exception], Code]] = (
    (driver.MovedError, "MOVED"),  # before ASK: the driver has it as a kind of that
    (driver.AskError, "ASK"),
    (driver.TryAgainError, "TRYAGAIN"),
    (driver.NoScriptError, "NOSCRIPT"),
    (driver.ReadOnlyError, "READONLY"),
    (driver.MasterDownError, "READONLY"),
    (driver.ClusterDownError, "CLUSTERDOWN"),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server said no, and did nothing."""

    code: Code
    text: str


Reply = bytes | int | None | list[Any] | Refusal


class Unreachable(StoreUnavailable):
    """No connection: nothing was sent."""


class NotLetIn(Unreachable):
    """A server that does not want us, or whom we do not trust. `reason` is a text that quotes no password."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class Wire:
    """A connection of the driver: bytes out, replies in. Every fault of it is StoreUnavailable."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    async def dial(cls, host: Host, login: Mapping[str, object]) -> "Wire":
        """Connect and log in. Raises Unreachable."""
        arguments: dict[str, Any] = dict(login)
        kind = SSLConnection if arguments.pop("ssl", False) else Connection
        connection = kind(
            host=host.name,
            port=host.port,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,  # each command has its own, see Line
            socket_connect_timeout=CONNECT_TIMEOUT,
            socket_keepalive=True,
            client_name="gatepass",
            **arguments,
        )
        wire = cls(connection)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await connection.connect()  # type: ignore[no-untyped-call]
        except (driver.AuthenticationError, driver.ResponseError) as refusal:
            await wire.close()
            raise NotLetIn(str(refusal)) from None
        except (driver.RedisError, OSError) as fault:
            await wire.close()
            if isinstance(fault.__context__, ssl.SSLCertVerificationError):
                raise NotLetIn(f"its certificate is not trusted ({fault.__context__.verify_message})") from None
            raise Unreachable from fault
        except BaseException:
            await wire.close()
            raise
        return wire

    async def send(self, data: bytes) -> None:
        """Write."""
        if not self._connection.is_connected:  # the driver would connect anew, without a word
            raise StoreUnavailable
        try:
            await self._connection.send_packed_command(data, check_health=False)
        except (driver.RedisError, OSError) as fault:
            raise StoreUnavailable from fault

    async def receive(self) -> Reply:
        """The next reply, whenever it comes."""
        try:
            reply: Reply = await self._connection.read_response(disable_decoding=True, disconnect_on_error=False)
        except driver.ConnectionError as fault:  # among them LOADING
            raise StoreUnavailable from fault
        except driver.ResponseError as refusal:
            return Refusal(_code_of(refusal), str(refusal))
        except (driver.RedisError, OSError) as fault:
            raise StoreUnavailable from fault
        return reply

    async def close(self) -> None:
        """Hang up."""
        try:
            await self._connection.disconnect(nowait=True)
        except (driver.RedisError, OSError):  # it is gone either way
            return


class Line:
    """One pipelined connection to one node, made when it is needed. For one event loop."""

    def __init__(self, dial: Callable[[], Coroutine[Any, Any, Wire]], *, spawn: Spawn) -> None:
        """`spawn` runs something as a task that is waited for when the store closes."""
        self._dial = dial
        self._spawn = spawn
        self._loop = asyncio.get_running_loop()
        self._wire: Wire | None = None
        self._reader: asyncio.Task[None] | None = None
        self._outbox: list[tuple[bytes, asyncio.Future[Reply] | None]] = []
        self._sent: deque[tuple[float, asyncio.Future[Reply] | None]] = deque()
        self._is_flushing = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_connected(self) -> bool:
        """Whether it is known to work."""
        return self._wire is not None

    @property
    def is_busy(self) -> bool:
        """Whether anything waits for an answer."""
        return bool(self._outbox or self._sent)

    def put(self, *commands: bytes) -> asyncio.Future[Reply]:
        """The reply to the last of these commands, which go out together. Raises StoreUnavailable, here or there."""
        if len(self._outbox) + len(self._sent) >= MAX_WAITING:
            raise StoreUnavailable("The store has more to do than it can; try again.")
        answer: asyncio.Future[Reply] = self._loop.create_future()
        for command in commands[:-1]:
            self._outbox.append((command, None))
        self._outbox.append((commands[-1], answer))
        if not self._is_flushing:
            self._is_flushing = True
            self._spawn(self._flush())
        return answer

    async def close(self) -> None:
        """Hang up. What is still under way fails."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._wire is not None:
            self._break(self._wire, StoreUnavailable("The store was closed."))
        if self._reader is not None:
            await asyncio.wait([self._reader])

    async def settled(self) -> None:
        """Wait until everything was answered."""
        while waiting := [answer for _, answer in (*self._outbox, *self._sent) if answer and not answer.done()]:
            await asyncio.wait(waiting)

    async def _flush(self) -> None:
        """Send what waits, and what comes meanwhile."""
        try:
            while self._outbox:
                try:
                    wire = self._wire or await self._connect()
                except Unreachable as fault:
                    self._fail([answer for _, answer in self._take()], fault)
                    continue
                batch = self._take()
                now = self._loop.time()
                self._sent.extend((now, answer) for _, answer in batch)
                self._watch()
                try:
                    await wire.send(b"".join(command for command, _ in batch))
                except StoreUnavailable as fault:
                    self._break(wire, fault)
        except BaseException as fault:
            self._fail([answer for _, answer in self._take()], fault)
            raise
        finally:
            self._is_flushing = False

    async def _connect(self) -> Wire:
        wire = await self._dial()
        self._wire = wire
        self._reader = asyncio.create_task(self._read(wire))
        return wire

    async def _read(self, wire: Wire) -> None:
        try:
            while True:
                reply = await wire.receive()
                _, answer = self._sent.popleft()
                if answer is not None and not answer.done():  # else whoever asked has gone; what was done stands
                    answer.set_result(reply)
        except StoreUnavailable as fault:
            self._break(wire, fault)
        except BaseException as fault:
            self._break(wire, fault)
            raise
        finally:
            await wire.close()

    def _break(self, wire: Wire, fault: BaseException) -> None:
        """Give a connection up: nobody knows what became of what went out on it."""
        if wire is not self._wire:
            return
        self._wire = None
        sent, self._sent = self._sent, deque()
        self._fail([answer for _, answer in sent], fault)
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()

    def _take(self) -> list[tuple[bytes, asyncio.Future[Reply] | None]]:
        taken, self._outbox = self._outbox, []
        return taken

    def _fail(self, answers: Sequence[asyncio.Future[Reply] | None], fault: BaseException) -> None:
        for answer in answers:
            if answer is not None and not answer.done():
                answer.set_exception(told(fault))

    def _watch(self) -> None:
        if self._timer is None and self._sent:
            self._timer = self._loop.call_at(self._sent[0][0] + COMMAND_TIMEOUT, self._look)

    def _look(self) -> None:
        """Give up where the oldest answer is overdue."""
        self._timer = None
        if self._wire is not None and self._sent and self._sent[0][0] + COMMAND_TIMEOUT <= self._loop.time():
            self._break(self._wire, TimeoutError(f"no answer within {COMMAND_TIMEOUT:.0f} s"))
        self._watch()


def _code_of(refusal: Exception) -> Code:
    for kind, code in _KINDS:
        if isinstance(refusal, kind):
            return code
    return "OTHER"


def told(fault: BaseException) -> Exception:
    """One exception for each who waits: a shared one would gather everybody's traceback."""
    if isinstance(fault, NotLetIn):
        return NotLetIn(fault.reason)
    kind = Unreachable if isinstance(fault, Unreachable) else StoreUnavailable
    told = kind(fault.detail) if isinstance(fault, StoreUnavailable) else kind()
    told.__cause__ = (fault.__cause__ or fault) if isinstance(fault, StoreUnavailable) else fault
    return told
