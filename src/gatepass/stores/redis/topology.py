"""Which node owns which slot: the replies of a cluster or a sentinel, and the node that a redirection names."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

from gatepass.errors import StoreUnavailable
from gatepass.stores.redis.connection import Connection, ConnectionRejected, Refusal, Unreachable
from gatepass.stores.redis.layout import SLOTS, pack_command
from gatepass.stores.redis.pipeline import Pipeline
from gatepass.stores.redis.url import Host, RedisUrl

Owners = list[Host | None]
"""For each slot its primary, or None if no node owns it."""
_CLUSTER_SLOTS = pack_command(b"CLUSTER", b"SLOTS")
_ROLE = pack_command(b"ROLE")
DISCOVERY_TIMEOUT = 1.0
"""Seconds for one node to report the owners, before the next node is asked."""
SENTINEL_TIMEOUT = 0.7
"""Seconds for a sentinel to report: less than DISCOVERY_TIMEOUT, so that a silent one does not hide the others."""


async def ask_one_of(hosts: Sequence[Host], url: RedisUrl, *, pipeline: Callable[[Host], Pipeline]) -> Owners:
    """The owners, as the first of these hosts reports them that can. Raises StoreUnavailable."""
    if url.kind == "single":
        return [hosts[0]] * SLOTS
    if url.kind == "sentinel":
        return await _in_time(ask_sentinels(url, pipeline=pipeline))
    fault: StoreUnavailable = Unreachable()
    for host in hosts:
        try:
            return await _in_time(ask_cluster(host, pipeline=pipeline))
        except StoreUnavailable as found:
            fault = found
    raise fault


async def _in_time(asking: Coroutine[Any, Any, Owners]) -> Owners:
    try:
        async with asyncio.timeout(DISCOVERY_TIMEOUT):
            return await asking
    except TimeoutError as late:
        raise Unreachable from late


async def ask_cluster(host: Host, *, pipeline: Callable[[Host], Pipeline]) -> Owners:
    """The owners, as a node reports them. Raises StoreUnavailable, or ConnectionRejected if it is in no cluster."""
    reply = await pipeline(host).put(_CLUSTER_SLOTS)
    if isinstance(reply, Refusal):
        raise ConnectionRejected(reply.text)
    owners: Owners = [None] * SLOTS
    for first, last, (name, port, *_), *_ in reply if isinstance(reply, list) else ():
        owners[first : last + 1] = [_host(name, port, host)] * (last + 1 - first)
    return owners


async def ask_sentinels(url: RedisUrl, *, pipeline: Callable[[Host], Pipeline]) -> Owners:
    """The owner of all slots, as the sentinel with the highest epoch reports it. Raises StoreUnavailable.

    All of them are asked: one that is cut off together with an old primary goes on naming it, with an older epoch. The
    primary is asked as well: after a fail-over a sentinel names the old one for a while.
    """
    reports = await asyncio.gather(*(_ask_sentinel(host, url) for host in url.hosts), return_exceptions=True)
    found = [report for report in reports if isinstance(report, _Report)]
    if not found:
        fault = next(report for report in reports if isinstance(report, BaseException))
        raise fault if isinstance(fault, StoreUnavailable) else Unreachable from fault
    primary = max(found, key=lambda report: report.epoch).primary
    role = await pipeline(primary).put(_ROLE)
    if not isinstance(role, list) or role[0] != b"master":
        raise Unreachable from RuntimeError(f"{primary} is no primary, though a sentinel says so")
    return [primary] * SLOTS


class _Report(NamedTuple):
    epoch: int
    primary: Host


async def _ask_sentinel(host: Host, url: RedisUrl) -> _Report:
    async with asyncio.timeout(SENTINEL_TIMEOUT):
        connection = await Connection.open(host, url.sentinel_login)
        try:
            await connection.send(pack_command(b"SENTINEL", b"MASTER", url.service.encode()))
            reply = await connection.receive()
        finally:
            await connection.close()
    if not isinstance(reply, list):
        raise Unreachable from RuntimeError(f"the sentinel at {host} knows no {url.service}")
    facts = dict(zip(reply[::2], reply[1::2], strict=False))
    return _Report(int(facts[b"config-epoch"]), _host(facts[b"ip"], int(facts[b"port"]), host))


def named_by(text: str, asked: Host) -> Host:
    """The node that a MOVED or an ASK names, such as "3999 127.0.0.1:6381"."""
    name, _, port = text.split()[1].rpartition(":")
    return _host(name.encode(), int(port), asked)


def _host(name: bytes | None, port: int, asked: Host) -> Host:
    """A node as `asked` names it. Without a name it is at the address of `asked`."""
    return Host(asked.name if name in (None, b"", b"?") else name.decode(), port)
