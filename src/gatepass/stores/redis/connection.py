"""One connection to Redis: bytes out, replies in, each wait bounded.

Only the connections of redis-py are used (TLS, login, parsing), with its retries off. Its clients send a command again
when a connection breaks; here no command is sent twice that may have been executed. An error is a StoreUnavailable; it
is `Unreachable` if it is certain that nothing was sent.

A connection is closed by aborting its transport. An orderly close first sends what the peer has not taken, and a peer
that takes nothing any more (a stalled network path) would keep that waiting until the kernel gives up.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from redis import exceptions
from redis.asyncio.connection import Connection as DriverConnection
from redis.asyncio.connection import SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gatepass.core.secret import without_frames
from gatepass.errors import StoreUnavailable
from gatepass.stores.redis.url import Host

CONNECT_TIMEOUT = 3.0
"""Seconds to connect and log in: short enough that a waiting request still gets its response."""
SEND_TIMEOUT = 5.0
"""Seconds for a peer that takes no bytes to take them."""
Code = Literal["MOVED", "ASK", "TRYAGAIN", "NOSCRIPT", "READONLY", "CLUSTERDOWN", "OTHER"]
_CODES: Sequence[tuple[type[Exception], Code]] = (
    (exceptions.MovedError, "MOVED"),  # before ASK, of which it is a subclass in the driver
    (exceptions.AskError, "ASK"),
    (exceptions.TryAgainError, "TRYAGAIN"),
    (exceptions.NoScriptError, "NOSCRIPT"),
    (exceptions.ReadOnlyError, "READONLY"),
    (exceptions.MasterDownError, "READONLY"),
    (exceptions.BusyLoadingError, "READONLY"),
    (exceptions.ClusterDownError, "CLUSTERDOWN"),
)
_TEXTS = ("NOREPLICAS", "UNBLOCKED")
"""First words of other refusals by a server that is no primary any more, or a primary that has lost its replicas."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error reply: the server refused the command and did nothing."""

    code: Code
    text: str
    ended_connection: bool = False
    """Whether the connection was ended because of it, so the next one may lead to another server."""

    @property
    def is_demotion(self) -> bool:
        """Whether the server at the other end takes no writes: a replica, one that loads, one without its cluster."""
        return self.code in ("READONLY", "CLUSTERDOWN")


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
        """Write packed commands. Raises StoreUnavailable, after SEND_TIMEOUT if the peer takes no bytes."""
        writer = self._connection._writer
        if writer is None or writer.is_closing():  # the driver would silently connect again
            raise StoreUnavailable
        try:
            writer.write(data)
            if writer.transport.get_write_buffer_size():  # else all was handed to the kernel
                async with asyncio.timeout(SEND_TIMEOUT):
                    await writer.drain()
        except OSError as fault:  # a time-out is one
            raise StoreUnavailable from without_frames(fault)

    async def receive(self) -> Reply:
        """The next reply, without a timeout. Raises StoreUnavailable."""
        try:
            reply: Reply = await self._connection.read_response(disable_decoding=True, disconnect_on_error=False)
        except (exceptions.ResponseError, exceptions.BusyLoadingError) as refusal:
            return Refusal(_code_of(refusal), str(refusal))
        except (exceptions.RedisError, OSError) as fault:
            raise StoreUnavailable from without_frames(fault)
        return reply

    async def close(self) -> None:
        """Close the connection without waiting for the server. Raises nothing."""
        writer = self._connection._writer
        if writer is not None:
            writer.transport.abort()
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


def _code_of(refusal: Exception) -> Code:
    for kind, code in _CODES:
        if isinstance(refusal, kind):
            return code
    return "READONLY" if str(refusal).startswith(_TEXTS) else "OTHER"
