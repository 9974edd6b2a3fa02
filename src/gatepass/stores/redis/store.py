"""The store for sessions on Redis or Valkey: one server, Sentinel or Cluster. Accounts live elsewhere (`split`).

A refresh is one script on one key. What is kept where: `redis_layout`; what the scripts do: `redis_scripts`; who sends
it to whom: `redis_nodes`.

What belongs together and what does not. A session's row, its place among the endings and its place among the revoked
are in one slot and change together: what is revoked is in the list of the revoked, always. The index of an account's
sessions is in another slot, often on another node, and nothing is atomic across nodes. So:

* `add` writes the index first, then the row. Whoever ends all sessions reads the index and ends each row it names. It
  cannot miss a row that is there, since its entry was there before. An entry without a row is a sign-in that has not
  happened yet, and comes after; whether it may then is asked of the account (`split`). A crash between the two leaves
  an entry that leads nowhere.
* Nobody takes an entry out while its session may still begin: `prune` does when the session ended a day ago, and the
  next sign-in of the account sweeps out what expired two days ago. What was revoked has begun: who lists an account's
  sessions, as each sign-in does, sweeps it out after SETTLED, or a script that signs in all day long would make each
  sign-in of its account read all that it left behind.
* A fail-over of the index' node alone may lose an entry whose row survived on another one. The first refresh of a
  session writes its entry again, so what is lost is found again about one access token's life later; with `wait=` it
  is not lost.

Nothing here decides by the server's clock. Keys live for what the caller's times say and KEPT longer, so a clock that
is off by hours takes nobody's session away; what is expired is decided by `expires_at` and the caller's `now`.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from itertools import chain

from gatepass.core.policy import DAY
from gatepass.core.session import EndReason, Session, Swap
from gatepass.errors import ConfigurationError, StoreUnavailable
from gatepass.ports import Revocation, Subscription
from gatepass.stores import rows
from gatepass.stores.redis import scripts
from gatepass.stores.redis.cluster import Nodes
from gatepass.stores.redis.connection import NotLetIn, Reply
from gatepass.stores.redis.durability import SEAL_TTL
from gatepass.stores.redis.layout import (
    SHARD_SLOTS,
    Keys,
    pack_command,
    pack_committed,
    pack_end,
    pack_session,
    pack_text,
    pack_version,
    pairs,
    unpack_session,
)
from gatepass.stores.redis.listener import listening, message
from gatepass.stores.redis.scripts import Call
from gatepass.stores.redis.server_check import check_server
from gatepass.stores.redis.url import Address, parse_address

SETTLED = 60
"""Seconds after which replicas have heard of a revocation, also without `wait=`."""
KEPT = 2 * DAY
"""How long keys outlive what they say. `prune` is what forgets, a day after the end; this is for when nobody prunes."""


class RedisStore:
    """The sessions of any number of servers. For one event loop: the one that opened it."""

    is_shared = True

    def __init__(self, url: str) -> None:
        """`url` as in `redis_address`. Raises ConfigurationError."""
        self._address: Address = parse_address(url)
        self._keys = Keys(self._address.prefix)
        self._nodes = Nodes(self._address)

    def __repr__(self) -> str:
        return f"RedisStore({self._address.shown})"

    async def open(self) -> None:
        """Connect, and see that the servers keep what they are given.

        Raises ConfigurationError, which names what to change; StoreUnavailable where there is no server just now.
        """
        if self._nodes.is_open:
            return
        try:
            await self._nodes.open()
            for reply in await self._nodes.ask_primaries(pack_command(b"INFO")):
                check_server(reply, self._address)
        except NotLetIn as refusal:
            await self._nodes.close()
            raise ConfigurationError(f"Cannot use Redis at {self._address.shown}: {refusal.reason}") from None
        except BaseException:
            await self._nodes.close()
            raise

    async def close(self) -> None:
        """Finish what was accepted, then hang up."""
        await self._nodes.close()

    async def ping(self) -> None:
        """A real write to every primary, as durable as a sign-in."""
        shards = {self._nodes.owner(slot): shard for shard, slot in enumerate(SHARD_SLOTS)}
        seals = [self._keys.seals[shard] for shard in shards.values()]
        await self._nodes.run_all([Call.of(b"SET", seal, b"", b"EX", SEAL_TTL) for seal in seals], seals=seals)

    async def add(self, session: Session, *, credential_version: int) -> bool:
        """Add a session, whatever its account: that is asked by `split`. False where there is one with this sid."""
        return await self._nodes.whole(self._add(session))

    async def find(self, sid: bytes) -> Session | None:
        """The row as it is."""
        return _session(sid, await self._nodes.run(Call.of(b"GET", self._keys.row(sid))))

    async def swap(self, swap: Swap) -> Session | None:
        """The one script of a refresh, sent with all that arrive at the same time."""
        call = Call.run(
            scripts.SWAP,
            (self._keys.row(swap.sid),),
            pack_version(swap),
            b"%d" % swap.now,
            pack_committed(swap),
            pack_text(swap.ip_prefix),
            rows.pack_ancestors(swap.skipped),
        )
        session = _session(swap.sid, await self._nodes.run(call))
        if session is not None and session.generation == 0:  # the first refresh: see the head
            await self._nodes.run(self._entry(session))
        return session

    async def revoke(self, sid: bytes, *, reason: EndReason, now: int) -> Session | None:
        """End one session, once."""
        return (await self._nodes.whole(self._revoke([sid], reason, now)))[0]

    async def revoke_all(
        self, account_id: str, *, reason: EndReason, now: int, keep: bytes | None = None
    ) -> Sequence[bytes]:
        """End all of an account but `keep`."""

        async def work() -> Sequence[bytes]:
            sids = [sid for sid in await self._sids(account_id) if sid != keep]
            ended = await self._revoke(sids, reason, now)
            return tuple(session.sid for session in ended if session is not None)

        return await self._nodes.whole(work())

    async def hold(self, account_id: str, *, by: bytes, seconds: int) -> None:
        """Let sign-ins of an account wait (`split`)."""
        call = Call.run(scripts.HOLD, (self._keys.account_hold(account_id),), by, b"%d" % seconds)
        await self._nodes.run(call, seal=self._keys.account_seal(account_id))

    async def release(self, account_id: str, *, by: bytes) -> None:
        """Let them go on, unless somebody else holds the account too."""
        await self._nodes.run(Call.of(b"SREM", self._keys.account_hold(account_id), by))

    async def is_held(self, account_id: str) -> bool:
        """Whether they wait."""
        return await self._nodes.run(Call.of(b"EXISTS", self._keys.account_hold(account_id))) == 1

    async def of_account(self, account_id: str, *, now: int) -> Sequence[Session]:
        """The live ones, newest sign-in first."""
        sids = await self._sids(account_id)
        replies = await self._nodes.run_all([Call.of(b"GET", self._keys.row(sid)) for sid in sids])
        sessions = [session for session in map(_session, sids, replies) if session is not None]
        over = [session.sid for session in sessions if session.revoked_at and session.revoked_at < now - SETTLED]
        if over:
            await self._nodes.run(Call.of(b"ZREM", self._keys.account(account_id), *over))
        live = [session for session in sessions if session.revoked_at is None and session.expires_at > now]
        return tuple(sorted(live, key=lambda session: (-session.created_at, session.sid)))

    async def revoked_since(self, since: int) -> Sequence[Revocation]:
        """Revocations at or after `since`, oldest first: from all shards."""
        call = (b"%d" % since, b"+inf", b"WITHSCORES")
        replies = await self._nodes.run_all([Call.of(b"ZRANGEBYSCORE", key, *call) for key in self._keys.revoked])
        found = (Revocation(sid, at) for reply in replies for sid, at in pairs(_list(reply)))
        return tuple(sorted(found, key=lambda revocation: (revocation.at, revocation.sid)))

    def subscribe(self) -> AbstractAsyncContextManager[Subscription]:
        """Hear of revocations in any process, on a connection beside the others."""
        return listening(self._nodes, self._keys.channel)

    async def prune(self, *, before: int, limit: int) -> int:
        """Forget what ended before `before`."""
        return await self._nodes.whole(self._prune(before, limit))

    async def _add(self, session: Session) -> bool:
        await self._nodes.run(self._entry(session), seal=self._keys.account_seal(session.account_id))
        shard = session.sid[0]
        call = Call.run(
            scripts.ADD,
            (self._keys.row(session.sid), self._keys.ends[shard]),
            pack_session(session),
            b"%d" % (_ttl(session) * 1_000),
            b"%d" % session.expires_at,
            session.sid,
        )
        return await self._nodes.run(call, seal=self._keys.seals[shard]) == 1

    async def _revoke(self, sids: Sequence[bytes], reason: EndReason, now: int) -> Sequence[Session | None]:
        end, at = pack_end(reason, now), b"%d" % now
        calls = [
            Call.run(
                scripts.REVOKE,
                (self._keys.row(sid), self._keys.ends[sid[0]], self._keys.revoked[sid[0]]),
                *(end, at, sid, self._keys.channel, message(sid, now)),
            )
            for sid in sids
        ]
        replies = await self._nodes.run_all(calls, seals=[self._keys.seals[sid[0]] for sid in sids])
        return list(map(_session, sids, replies))

    async def _prune(self, before: int, limit: int) -> int:
        """Row first, then its places: a crash between leaves something that the next round takes away."""
        due = await self._due(before, limit)
        replies = await self._nodes.run_all([Call.of(b"GETDEL", self._keys.row(sid)) for sid in due])
        calls = [Call.of(b"ZREM", self._keys.ends[sid[0]], sid) for sid in due]
        calls += [Call.of(b"ZREM", self._keys.revoked[sid[0]], sid) for sid in due]
        for session in map(_session, due, replies):
            if session is not None:
                calls.append(Call.of(b"ZREM", self._keys.account(session.account_id), session.sid))
        removed = await self._nodes.run_all(calls)
        return sum(reply for reply in removed[: len(due)] if isinstance(reply, int))

    async def _due(self, before: int, limit: int) -> Sequence[bytes]:
        """At most `limit` sids from the beginning of the shards' endings."""
        until = b"(%d" % before
        counts = await self._nodes.run_all([Call.of(b"ZCOUNT", key, b"-inf", until) for key in self._keys.ends])
        calls, left = [], limit
        for key, count in zip(self._keys.ends, counts, strict=True):
            if taken := min(left, count if isinstance(count, int) else 0):
                calls.append(Call.of(b"ZRANGEBYSCORE", key, b"-inf", until, b"LIMIT", b"0", b"%d" % taken))
                left -= taken
        return list(chain.from_iterable(_list(reply) for reply in await self._nodes.run_all(calls)))

    async def _sids(self, account_id: str) -> Sequence[bytes]:
        return _list(await self._nodes.run(Call.of(b"ZRANGE", self._keys.account(account_id), b"0", b"-1")))

    def _entry(self, session: Session) -> Call:
        """Writes a session into the index of its account."""
        return Call.run(
            scripts.INDEX,
            (self._keys.account(session.account_id),),
            b"%d" % session.expires_at,
            session.sid,
            b"%d" % _ttl(session),
            b"%d" % (session.created_at - KEPT),
        )


def open_redis(url: str) -> RedisStore:
    """The store for sessions that a URL names, not yet opened (`redis_address`). Raises ConfigurationError."""
    return RedisStore(url)


def _ttl(session: Session) -> int:
    """Seconds that a new session's keys live."""
    return max(session.expires_at - session.created_at, 0) + KEPT


def _session(sid: bytes, reply: Reply) -> Session | None:
    match reply:
        case None:
            return None
        case bytes():
            return unpack_session(sid, reply)
    raise StoreUnavailable from TypeError(f"a row was answered as {type(reply).__name__}")


def _list(reply: Reply) -> list[bytes]:
    if isinstance(reply, list):
        return reply
    raise StoreUnavailable from TypeError(f"a list was answered as {type(reply).__name__}")
