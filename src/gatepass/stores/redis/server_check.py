"""What a server must be before sessions are put into it: found by INFO, which tells all of it and needs few rights."""

import logging
from collections.abc import Mapping

from gatepass.errors import ConfigurationError
from gatepass.stores.redis.connection import Refusal, Reply
from gatepass.stores.redis.url import Address

logger = logging.getLogger("gatepass.redis")
OLDEST = (6, 2)
"""ZADD … LT is from there."""
OLDEST_WITH_WAITAOF = (7, 2)


def check_server(reply: Reply, address: Address) -> None:
    """Look at what a server answers to INFO. Raises ConfigurationError; logs what is allowed and unwise."""
    if not isinstance(reply, bytes):
        why = reply.text if isinstance(reply, Refusal) else "it said nothing"
        logger.warning("cannot see how the Redis server is configured (%s): let this user run INFO", why)
        return
    facts = _facts(reply)
    place = address.shown
    version = tuple(int(number) for number in facts.get("redis_version", "0.0").split(".")[:2])
    is_logged = facts.get("aof_enabled") == "1"
    policy = facts.get("maxmemory_policy", "noeviction")
    if version < OLDEST:
        raise ConfigurationError(f"Redis at {place} is {facts.get('redis_version')}; it must be 6.2 or newer.")
    if address.kind != "cluster" and facts.get("cluster_enabled") == "1":
        raise ConfigurationError(f"Redis at {place} is part of a cluster: use redis+cluster://.")
    if policy != "noeviction":
        raise ConfigurationError(
            f"Redis at {place} has maxmemory-policy {policy}: it would forget sessions when memory is short, and "
            "people would be signed out. Set maxmemory-policy noeviction."
        )
    if address.disks and (version < OLDEST_WITH_WAITAOF or not is_logged):
        raise ConfigurationError(f"waitaof= needs Redis 7.2 or newer and appendonly yes, which {place} does not have.")
    if not is_logged:
        logger.warning(
            "Redis at %s has no append-only file: when it stops, sessions since its last snapshot are gone and revoked "
            "ones may live again. Set appendonly yes.",
            place,
        )


def _facts(reply: bytes) -> Mapping[str, str]:
    lines = (line.partition(":") for line in reply.decode("utf-8", "replace").splitlines())
    return {name: value for name, _, value in lines}
