"""The store for sessions on Redis or Valkey: one server, Sentinel or Cluster. Accounts are in another store.

A refresh is one script on one key. The keys are described in `layout.py`, the scripts in `scripts.py`, and how a
command finds its node in `cluster.py`.

The row of a session, its entry among the endings and its entry among the revoked are in one slot and change together: a
revoked session is always in the list of the revoked. The index of an account's sessions is in another slot, often on
another node, and nothing is atomic across nodes. So:

* `add` writes the index first, then the row. `revoke_all` reads the index and revokes each row that it names. It cannot
  miss an existing row, because the entry of a row is written before it. An entry without a row is a sign-in that is
  still to come; whether it may succeed then is decided by the account (`combined/store.py`). A crash between the two
  writes leaves an entry without a row.
* An entry must not be removed while its session may still begin. `prune` removes it when the session ended a day ago,
  and the next sign-in of the account removes those that expired two days ago. A revoked session has begun, so the list
  of an account's sessions, which each sign-in reads, removes its entry after MAX_REPLICATION_LAG. Otherwise a program
  that signs in all day would make each sign-in of its account read all that it left behind.
* A fail-over of the node of the index alone may lose an entry whose row survived on another node. The first refresh of
  a session writes its entry again, so a lost entry is back about one access token's life later; with `wait=` it is not
  lost.

Nothing here depends on the clock of the server. Keys live as long as the times of the caller say, and KEY_RETENTION
longer, so a clock that is wrong by hours loses no session. `expires_at` and the caller's `now` decide what has expired.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from itertools import chain

from gatepass.core.policy import DAY
from gatepass.core.session import EndReason, Session, Swap
from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.ports import Revocation, Subscription
from gatepass.stores.deadline import in_time
from gatepass.stores.doorbell import message_of
from gatepass.stores.redis import scripts
from gatepass.stores.redis.cluster import Cluster
from gatepass.stores.redis.connection import ConnectionRejected, Reply
from gatepass.stores.redis.durability import MARKER_TTL
from gatepass.stores.redis.layout import (
    SHARD_SLOTS,
    Keys,
    pack_command,
    pack_committed,
    pack_end,
    pack_session,
    pack_tail,
    pack_version,
    unpack_session,
    with_device,
)
from gatepass.stores.redis.listener import listening
from gatepass.stores.redis.locks import RedisLocks
from gatepass.stores.redis.looks import as_list, mark, read_revocations, write_markers
from gatepass.stores.redis.scripts import Call
from gatepass.stores.redis.server_check import check_server, find_hazards
from gatepass.stores.redis.url import parse_url

_INFO = pack_command(b"INFO")
MAX_REPLICATION_LAG = 60
"""Seconds after which replicas have a revocation, even without `wait=`."""
MAX_TURNS = 32
"""Lost races in a row before a device is refused with 503: each loss means that another change came in between."""
KEY_RETENTION = 2 * DAY
"""Seconds that keys outlive their sessions. `prune` normally deletes them, a day after the end of the session."""


class RedisStore(RedisLocks):
    """A SessionEngine and an AccountLock, for any number of servers. For one event loop: the one that opened it."""

    is_shared = True

    def __init__(self, url: str) -> None:
        """`url` is described in `url.py`. Raises ConfigurationError."""
        self._url = parse_url(url)
        self._keys = Keys(self._url.prefix)
        self._cluster = Cluster(self._url)

    def __repr__(self) -> str:
        return f"RedisStore({self._url.display})"

    async def open(self) -> None:
        if self._cluster.is_open:
            return
        try:
            await self._cluster.open()
            for reply in await self._cluster.ask_primaries(_INFO):
                check_server(reply, self._url)
        except ConnectionRejected as refusal:
            await self._cluster.close()
            raise ConfigurationError(f"Cannot use Redis at {self._url.display}: {refusal.reason}") from None
        except BaseException:
            await self._cluster.close()
            raise

    async def close(self) -> None:
        await self._cluster.close()

    async def ping(self) -> None:
        # Not MARK, which needs no memory: without memory no session can begin.
        await write_markers(self._cluster, self._keys, lambda key: Call.of(b"SET", key, b"", b"EX", MARKER_TTL))

    async def hazards(self) -> Sequence[str]:
        primaries = self._cluster.primaries
        described = await self._cluster.ask_primaries(_INFO)
        found = [
            find_hazards(reply, self._url, place=str(node)) for node, reply in zip(primaries, described, strict=True)
        ]
        return tuple(chain.from_iterable(found))

    async def add(self, session: Session, *, credential_version: int) -> bool:
        return await self._cluster.shielded(self._add(session))

    async def find(self, sid: bytes) -> Session | None:
        return _session(sid, await self._run(Call.of(b"GET", self._keys.row(sid))))

    async def swap(self, swap: Swap) -> Session | None:
        call = Call.run(
            scripts.SWAP,
            (self._keys.row(swap.sid),),
            pack_version(swap),
            b"%d" % swap.now,
            pack_committed(swap),
            pack_tail(swap.ip_prefix, swap.previous),
            b"%d" % swap.shown_device,
        )
        session = _session(swap.sid, await self._run(call))
        if session is not None and session.generation == 0:  # the first refresh: see the head of this file
            await self._run(self._entry(session))
        return session

    async def set_device(self, sid: bytes, *, key: bytes, since: int | None, now: int) -> bool:
        return await self._cluster.shielded(self._set_device(sid, key, since, now))

    async def revoke(self, sid: bytes, *, reason: EndReason, now: int) -> Session | None:
        return (await self._cluster.shielded(self._revoke([sid], reason, now)))[0]

    async def revoke_all(
        self, account_id: str, *, reason: EndReason, now: int, keep: bytes | None = None
    ) -> Sequence[bytes]:
        async def work() -> Sequence[bytes]:
            sids = [sid for sid in await self._sids(account_id) if sid != keep]
            ended = [session.sid for session in await self._revoke(sids, reason, now) if session is not None]
            if not ended:  # an earlier call ended them, and was perhaps not acknowledged
                await write_markers(self._cluster, self._keys, mark)
            return tuple(ended)

        return await self._cluster.shielded(work())

    async def bury(self, sid: bytes, *, now: int) -> None:
        shard = sid[0]
        call = Call.run(
            scripts.BURY,
            (self._keys.row(sid), self._keys.ends[shard], self._keys.revoked[shard]),
            *(b"%d" % now, sid, self._keys.channel, message_of(sid, now).encode()),
        )
        await self._cluster.run(call, marker=self._keys.markers[shard])

    async def list_for_account(self, account_id: str, *, now: int) -> Sequence[Session]:
        with in_time():
            sids = await self._sids(account_id)
            replies = await self._cluster.run_all([Call.of(b"GET", self._keys.row(sid)) for sid in sids])
        sessions = [session for session in map(_session, sids, replies) if session is not None]
        settled = now - MAX_REPLICATION_LAG
        over = [session.sid for session in sessions if session.revoked_at and session.revoked_at < settled]
        if over:
            await self._run(Call.of(b"ZREM", self._keys.account(account_id), *over))
        live = [session for session in sessions if session.revoked_at is None and session.expires_at > now]
        return tuple(sorted(live, key=lambda session: (-session.created_at, session.sid)))

    async def revoked_since(self, since: int) -> Sequence[Revocation]:
        return await read_revocations(self._cluster, self._keys, since=since)

    async def revoked_among(self, sids: Sequence[bytes]) -> Sequence[Revocation]:
        calls = [Call.of(b"ZSCORE", self._keys.revoked[sid[0]], sid) for sid in sids]
        found = zip(sids, await self._cluster.run_all(calls), strict=True)
        return tuple(Revocation(sid, int(float(score))) for sid, score in found if isinstance(score, bytes))

    async def time(self) -> int | None:
        reply = as_list(await self._cluster.run(Call(SHARD_SLOTS[0], pack_command(b"TIME"))))
        return int(reply[0])

    def subscribe(self) -> AbstractAsyncContextManager[Subscription]:
        return listening(self._cluster, self._keys.channel)

    async def prune(self, *, before: int, limit: int) -> int:
        return await self._cluster.shielded(self._prune(before, limit))

    async def _run(self, call: Call) -> Reply:
        """The reply to a command that a caller waits for itself."""
        with in_time():
            return await self._cluster.run(call)

    async def _add(self, session: Session) -> bool:
        await self._cluster.run(self._entry(session), marker=self._keys.account_marker(session.account_id))
        shard = session.sid[0]
        call = Call.run(
            scripts.ADD,
            (self._keys.row(session.sid), self._keys.ends[shard]),
            pack_session(session),
            b"%d" % (_ttl(session) * 1_000),
            b"%d" % session.expires_at,
            session.sid,
        )
        return await self._cluster.run(call, marker=self._keys.markers[shard]) == 1

    async def _set_device(self, sid: bytes, key: bytes, since: int | None, now: int) -> bool:
        """Read the row and replace it, again where a refresh came in between."""
        name, marker = self._keys.row(sid), self._keys.markers[sid[0]]
        for _ in range(MAX_TURNS):
            value = await self._cluster.run(Call.of(b"GET", name))
            session = _session(sid, value)
            changed = with_device(session, key=key, since=since, now=now) if session is not None else None
            if changed is None or not isinstance(value, bytes):
                return False
            call = Call.run(scripts.REPLACE, (name,), value, pack_session(changed))
            if await self._cluster.run(call, marker=marker) == 1:
                return True
        raise StoreUnavailable("Too many changes of one session at once; try again.")

    async def _revoke(self, sids: Sequence[bytes], reason: EndReason, now: int) -> Sequence[Session | None]:
        end, at = pack_end(reason, now), b"%d" % now
        calls = [
            Call.run(
                scripts.REVOKE,
                (self._keys.row(sid), self._keys.ends[sid[0]], self._keys.revoked[sid[0]]),
                *(end, at, sid, self._keys.channel, message_of(sid, now).encode()),
            )
            for sid in sids
        ]
        replies = await self._cluster.run_all(calls, markers=[self._keys.markers[sid[0]] for sid in sids])
        return list(map(_session, sids, replies))

    async def _prune(self, before: int, limit: int) -> int:
        """The row first, then its entries: what a crash in between leaves is deleted by the next call."""
        due = await self._due(before, limit)
        replies = await self._cluster.run_all([Call.of(b"GETDEL", self._keys.row(sid)) for sid in due])
        calls = [Call.of(b"ZREM", self._keys.ends[sid[0]], sid) for sid in due]
        calls += [Call.of(b"ZREM", self._keys.revoked[sid[0]], sid) for sid in due]
        for session in map(_session, due, replies):
            if session is not None:
                calls.append(Call.of(b"ZREM", self._keys.account(session.account_id), session.sid))
        removed = await self._cluster.run_all(calls)
        return sum(reply for reply in removed[: len(due)] if isinstance(reply, int))

    async def _due(self, before: int, limit: int) -> Sequence[bytes]:
        """At most `limit` sids of sessions that ended before `before`."""
        until = b"(%d" % before
        counts = await self._cluster.run_all([Call.of(b"ZCOUNT", key, b"-inf", until) for key in self._keys.ends])
        calls, left = [], limit
        for key, count in zip(self._keys.ends, counts, strict=True):
            if taken := min(left, count if isinstance(count, int) else 0):
                calls.append(Call.of(b"ZRANGEBYSCORE", key, b"-inf", until, b"LIMIT", b"0", b"%d" % taken))
                left -= taken
        return list(chain.from_iterable(as_list(reply) for reply in await self._cluster.run_all(calls)))

    async def _sids(self, account_id: str) -> Sequence[bytes]:
        return as_list(await self._cluster.run(Call.of(b"ZRANGE", self._keys.account(account_id), b"0", b"-1")))

    def _entry(self, session: Session) -> Call:
        """The call that writes a session into the index of its account."""
        return Call.run(
            scripts.INDEX,
            (self._keys.account(session.account_id),),
            b"%d" % session.expires_at,
            session.sid,
            b"%d" % _ttl(session),
            b"%d" % (session.created_at - KEY_RETENTION),
        )


def _ttl(session: Session) -> int:
    """Seconds that the keys of a new session live."""
    return max(session.expires_at - session.created_at, 0) + KEY_RETENTION


def _session(sid: bytes, reply: Reply) -> Session | None:
    match reply:
        case None:
            return None
        case bytes():
            return unpack_session(sid, reply)
    raise StoreUnavailable from TypeError(f"a row was answered as {type(reply).__name__}")
