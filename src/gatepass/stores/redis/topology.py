"""Which node owns which slot: the replies of a cluster or a sentinel, and the node that a redirection names."""

from collections.abc import Callable

from gatepass.stores.redis.connection import Connection, ConnectionRejected, Refusal, Unreachable
from gatepass.stores.redis.layout import SLOTS, pack_command
from gatepass.stores.redis.pipeline import Pipeline
from gatepass.stores.redis.url import Host, RedisUrl

Owners = list[Host | None]
"""For each slot its primary, or None if no node owns it."""
_CLUSTER_SLOTS = pack_command(b"CLUSTER", b"SLOTS")
_ROLE = pack_command(b"ROLE")


async def ask_cluster(host: Host, *, pipeline: Callable[[Host], Pipeline]) -> Owners:
    """The owners, as a node reports them. Raises StoreUnavailable, or ConnectionRejected if it is in no cluster."""
    reply = await pipeline(host).put(_CLUSTER_SLOTS)
    if isinstance(reply, Refusal):
        raise ConnectionRejected(reply.text)
    owners: Owners = [None] * SLOTS
    for first, last, (name, port, *_), *_ in reply if isinstance(reply, list) else ():
        owners[first : last + 1] = [_host(name, port, host)] * (last + 1 - first)
    return owners


async def ask_sentinel(host: Host, url: RedisUrl, *, pipeline: Callable[[Host], Pipeline]) -> Owners:
    """The owner of all slots, as a sentinel reports it. Raises Unreachable.

    The primary is asked as well: after a fail-over a sentinel names the old one for a while.
    """
    connection = await Connection.open(host, url.sentinel_login)
    try:
        await connection.send(pack_command(b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", url.service.encode()))
        reply = await connection.receive()
    finally:
        await connection.close()
    if not isinstance(reply, list):
        raise Unreachable from RuntimeError(f"the sentinel at {host} knows no {url.service}")
    primary = _host(reply[0], int(reply[1]), host)
    role = await pipeline(primary).put(_ROLE)
    if not isinstance(role, list) or role[0] != b"master":
        raise Unreachable from RuntimeError(f"{primary} is no primary, though a sentinel says so")
    return [primary] * SLOTS


def named_by(text: str, asked: Host) -> Host:
    """The node that a MOVED or an ASK names, such as "3999 127.0.0.1:6381"."""
    name, _, port = text.split()[1].rpartition(":")
    return _host(name.encode(), int(port), asked)


def _host(name: bytes | None, port: int, asked: Host) -> Host:
    """A node as `asked` names it. Without a name it is at the address of `asked`."""
    return Host(asked.name if name in (None, b"", b"?") else name.decode(), port)
