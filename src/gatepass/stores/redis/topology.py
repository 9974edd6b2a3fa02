"""Who owns which slot: what a cluster or a sentinel says, and what a redirection names."""

from collections.abc import Callable

from gatepass.stores.redis.connection import Line, NotLetIn, Refusal, Unreachable, Wire
from gatepass.stores.redis.layout import SLOTS, pack_command
from gatepass.stores.redis.url import Address, Host

Owners = list[Host | None]
"""For each slot its primary, or None where nobody has it."""
_CLUSTER_SLOTS = pack_command(b"CLUSTER", b"SLOTS")
_ROLE = pack_command(b"ROLE")


async def ask_cluster(host: Host, *, line: Callable[[Host], Line]) -> Owners:
    """What a node of a cluster says. Raises StoreUnavailable; NotLetIn where it is no node of a cluster."""
    reply = await line(host).put(_CLUSTER_SLOTS)
    if isinstance(reply, Refusal):
        raise NotLetIn(reply.text)
    owners: Owners = [None] * SLOTS
    for first, last, (name, port, *_), *_ in reply if isinstance(reply, list) else ():
        owners[first : last + 1] = [_host(name, port, host)] * (last + 1 - first)
    return owners


async def ask_sentinel(host: Host, address: Address, *, line: Callable[[Host], Line]) -> Owners:
    """What a sentinel says, if it is true: after a fail-over it names the old one for a while. Raises Unreachable."""
    wire = await Wire.dial(host, address.sentinel_login)
    try:
        await wire.send(pack_command(b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", address.service.encode()))
        reply = await wire.receive()
    finally:
        await wire.close()
    if not isinstance(reply, list):
        raise Unreachable from RuntimeError(f"the sentinel at {host} knows no {address.service}")
    primary = _host(reply[0], int(reply[1]), host)
    role = await line(primary).put(_ROLE)
    if not isinstance(role, list) or role[0] != b"master":
        raise Unreachable from RuntimeError(f"{primary} is no primary, though a sentinel says so")
    return [primary] * SLOTS


def named_by(text: str, asked: Host) -> Host:
    """Whom a MOVED or an ASK names: "3999 127.0.0.1:6381"."""
    name, _, port = text.split()[1].rpartition(":")
    return _host(name.encode(), int(port), asked)


def _host(name: bytes | None, port: int, asked: Host) -> Host:
    """A node as another one names it; without a name it is at the address of that one."""
    return Host(asked.name if name in (None, b"", b"?") else name.decode(), port)
