"""Reads the revocations from all primaries, and proves that what was acknowledged would be among them.

A primary that was cut off and replaced would go on answering. One that still takes a write, as durable as a revocation,
had all revocations that were acknowledged when it was read. So each look reads first and then writes a marker on each
primary. A primary that cannot be read or written leaves its part of the sessions unknown; the others are heard.
"""

from collections.abc import Callable, Mapping, Sequence

from gatepass.errors import StoreUnavailable
from gatepass.ports import PartlyRead, Revocation
from gatepass.stores.redis import scripts
from gatepass.stores.redis.cluster import Cluster
from gatepass.stores.redis.connection import Reply
from gatepass.stores.redis.durability import MARKER_TTL
from gatepass.stores.redis.layout import SHARD_SLOTS, Keys, pairs
from gatepass.stores.redis.scripts import Call
from gatepass.stores.redis.url import Host
from gatepass.stores.tasks import raise_if_error

Write = Callable[[bytes], Call]
"""The command that writes a marker of this name."""


async def read_revocations(cluster: Cluster, keys: Keys, *, since: int) -> Sequence[Revocation]:
    """As `SessionStore.revoked_since`."""
    await cluster.confirm()
    call = (b"%d" % since, b"+inf", b"WITHSCORES")
    replies = await cluster.try_all([Call.of(b"ZRANGEBYSCORE", key, *call) for key in keys.revoked])
    sealed = await _try_markers(cluster, keys, mark)
    found: list[Revocation] = []
    faults: dict[int, BaseException] = {}
    for shard, reply in enumerate(replies):
        seal = sealed.get(cluster.owner(SHARD_SLOTS[shard]))
        if isinstance(reply, BaseException):
            faults[shard] = reply
        elif isinstance(seal, BaseException):
            faults[shard] = seal
        else:
            found += (Revocation(sid, at) for sid, at in pairs(as_list(reply)))
    found.sort(key=lambda revocation: (revocation.at, revocation.sid))
    if len(faults) == len(replies):
        raise faults[0]
    if faults:
        raise PartlyRead(found, frozenset(faults)) from next(iter(faults.values()))
    return found


async def write_markers(cluster: Cluster, keys: Keys, write: Write) -> None:
    """Write a marker on each primary, as durable as a sign-in. Raises StoreUnavailable."""
    for reply in (await _try_markers(cluster, keys, write)).values():
        raise_if_error(reply)


def mark(key: bytes) -> Call:
    """A marker that needs no memory."""
    return Call.run(scripts.MARK, (key,), MARKER_TTL)


def as_list(reply: Reply) -> list[bytes]:
    """A reply that is a list. Raises StoreUnavailable for any other."""
    if isinstance(reply, list):
        return reply
    raise StoreUnavailable from TypeError(f"a list was answered as {type(reply).__name__}")


async def _try_markers(cluster: Cluster, keys: Keys, write: Write) -> Mapping[Host | None, Reply | BaseException]:
    """The reply or the error of each primary."""
    shards = {cluster.owner(slot): shard for shard, slot in enumerate(SHARD_SLOTS)}
    markers = [keys.markers[shard] for shard in shards.values()]
    replies = await cluster.try_all([write(marker) for marker in markers], markers=markers)
    return dict(zip(shards, replies, strict=True))
