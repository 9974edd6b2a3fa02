"""Checks that a server can keep sessions: INFO reports all that is needed, and few rights allow it."""

import logging
from collections.abc import Mapping

from gatepass.errors import ConfigurationError
from gatepass.stores.redis.connection import Refusal, Reply
from gatepass.stores.redis.url import RedisUrl

logger = logging.getLogger("gatepass.redis")
MIN_VERSION = (6, 2)
"""The first with ZADD … LT."""
MIN_WAITAOF_VERSION = (7, 2)


def check_server(reply: Reply, url: RedisUrl) -> None:
    """Check the reply of a server to INFO. Raises ConfigurationError; logs what is allowed but unwise."""
    if not isinstance(reply, bytes):
        why = reply.text if isinstance(reply, Refusal) else "the reply is not a text"
        logger.warning("cannot see how the Redis server is configured (%s): let this user run INFO", why)
        return
    facts = _facts(reply)
    place = url.display
    version = tuple(int(number) for number in facts.get("redis_version", "0.0").split(".")[:2])
    is_logged = facts.get("aof_enabled") == "1"
    policy = facts.get("maxmemory_policy", "noeviction")
    if version < MIN_VERSION:
        raise ConfigurationError(f"Redis at {place} is {facts.get('redis_version')}; it must be 6.2 or newer.")
    if url.kind != "cluster" and facts.get("cluster_enabled") == "1":
        raise ConfigurationError(f"Redis at {place} is part of a cluster: use redis+cluster://.")
    if policy != "noeviction":
        raise ConfigurationError(
            f"Redis at {place} has maxmemory-policy {policy}: it would evict sessions when memory is short, which "
            "signs users out. Set maxmemory-policy noeviction."
        )
    if url.disks and (version < MIN_WAITAOF_VERSION or not is_logged):
        raise ConfigurationError(f"waitaof= needs Redis 7.2 or newer and appendonly yes, which {place} does not have.")
    if not is_logged:
        logger.warning(
            "Redis at %s has no append-only file: when it stops, sessions since its last snapshot are lost and revoked "
            "ones may be valid again. Set appendonly yes.",
            place,
        )


def _facts(reply: bytes) -> Mapping[str, str]:
    lines = (line.partition(":") for line in reply.decode("utf-8", "replace").splitlines())
    return {name: value for name, _, value in lines}
