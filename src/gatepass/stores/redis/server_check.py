"""Checks that a server can keep sessions: INFO reports all that is needed, and few rights allow it."""

import logging
from collections.abc import Iterator, Mapping, Sequence

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
    version = _version(facts)
    is_logged = facts.get("aof_enabled") == "1"
    if version < MIN_VERSION:
        raise ConfigurationError(f"Redis at {place} is {facts.get('redis_version')}; it must be 6.2 or newer.")
    if url.kind != "cluster" and facts.get("cluster_enabled") == "1":
        raise ConfigurationError(f"Redis at {place} is part of a cluster: use redis+cluster://.")
    if hazards := list(_hazards(facts, url, place=place)):
        raise ConfigurationError(hazards[0])
    if not is_logged:
        logger.warning(
            "Redis at %s has no append-only file: when it stops, sessions since its last snapshot are lost and revoked "
            "ones may be valid again. Set appendonly yes.",
            place,
        )


def find_hazards(reply: Reply, url: RedisUrl, *, place: str) -> Sequence[str]:
    """Why the server at `place`, by its reply to INFO, may lose what it acknowledges; empty if nothing is known."""
    return list(_hazards(_facts(reply), url, place=place)) if isinstance(reply, bytes) else ()


def _hazards(facts: Mapping[str, str], url: RedisUrl, *, place: str) -> Iterator[str]:
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield (
            f"Redis at {place} has maxmemory-policy {policy}: it would evict sessions when memory is short, which "
            "signs users out. Set maxmemory-policy noeviction."
        )
    if url.disks and (_version(facts) < MIN_WAITAOF_VERSION or facts.get("aof_enabled") != "1"):
        yield f"waitaof= needs Redis 7.2 or newer and appendonly yes, which {place} does not have."


def _version(facts: Mapping[str, str]) -> tuple[int, ...]:
    return tuple(int(number) for number in facts.get("redis_version", "0.0").split(".")[:2])


def _facts(reply: bytes) -> Mapping[str, str]:
    lines = (line.partition(":") for line in reply.decode("utf-8", "replace").splitlines())
    return {name: value for name, _, value in lines}
