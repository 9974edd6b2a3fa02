r"""How sessions lie in Redis: names of keys, and a row as one value.

    prefix:{tag}:<sid, hexadecimal>    the row
    prefix:{tag}:ends                  sorted set: sid by the second in which its session ended or will have
    prefix:{tag}:revoked               sorted set: sid by the second in which it was revoked
    prefix:{account:<account id>}        sorted set: sid by the second in which its session expires
    prefix:{account:<account id>}:held   set: who is just changing the account (`split`)
    …:seal                               a small write for the server to wait for (`redis_durability`)

There are 256 tags, chosen by the first byte of the sid, so a session and its places in the two sets of its shard are
in one hash slot, and one script changes them together. The tags are numbers picked such that their slots are spread
evenly: whatever share of the slots a node of a cluster has, it has about that share of the sessions. More shards would
make the list of all revocations slower, fewer would make the sets of a hundred million sessions too long to move.

A row is one string, of 150 to 700 bytes, not a hash: with 16 ancestors it takes 0.65 of the memory (their 512 bytes
alone make a hash leave its compact form) and a swap 0.42 of the server's time. What a script touches has a fixed place:

    1    format, always 1                      67   length n of what never changes
    2    0, or why it was revoked              69   n bytes: times, remember, account id, client
    3    when (8)                                   length of the address prefix (2), the prefix
    11   expires_at (8)                             ancestors, newest first, 32 bytes each
    19   generation (8) · fingerprint (16) · key_hash (16) · committed_at (8)

counted from 1, as Lua does. Numbers are big-endian.
"""

import struct
from binascii import crc_hqx
from collections.abc import Sequence
from urllib.parse import quote

from gatepass.core.session import EndReason, Session, Swap
from gatepass.errors import StoreUnavailable
from gatepass.stores import rows

SLOTS = 16_384
SHARDS = 256
FORMAT = 1
REASONS: tuple[EndReason, ...] = ("expired", "revoked", "replaced", "reused", "unknown")
_HEAD = struct.Struct(">BBqqq16s16sqH")
_FIXED = struct.Struct(">qq?HH")
_VERSION = struct.Struct(">q16s")
_COMMITTED = struct.Struct(">q16s16sq")
_END = struct.Struct(">Bq")
_LENGTH = struct.Struct(">H")


def slot_of(key: bytes) -> int:
    """The hash slot of a key (Redis Cluster specification, "Hash tags")."""
    start = key.find(b"{")
    end = key.find(b"}", start + 1)
    tag = key[start + 1 : end] if start >= 0 and end > start + 1 else key
    return crc_hqx(tag, 0) % SLOTS


def _spread_tags() -> tuple[bytes, ...]:
    """For each shard the lowest number whose slot lies in the shard's part of all slots."""
    tags: dict[int, bytes] = {}
    number = 0
    while len(tags) < SHARDS:
        tag = b"%d" % number
        tags.setdefault(slot_of(tag) * SHARDS // SLOTS, tag)
        number += 1
    return tuple(tags[shard] for shard in range(SHARDS))


TAGS = _spread_tags()
SHARD_SLOTS = tuple(map(slot_of, TAGS))


class Keys:
    """The names of all keys under one prefix."""

    def __init__(self, prefix: str) -> None:
        start = prefix.encode()
        shards = [b"%s:{%s}:" % (start, tag) for tag in TAGS]
        self._rows = shards
        self._accounts = b"%s:{account:" % start
        self.ends = [shard + b"ends" for shard in shards]
        self.revoked = [shard + b"revoked" for shard in shards]
        self.seals = [shard + b"seal" for shard in shards]
        """Written to make sure that the server has something to wait for."""
        self.channel = b"%s:revoked" % start

    def row(self, sid: bytes) -> bytes:
        """Of a session."""
        return self._rows[sid[0]] + sid.hex().encode()

    def account(self, account_id: str) -> bytes:
        """Of an account's index. Quoted: a brace in an id would be taken for a tag."""
        return b"%s%s}" % (self._accounts, quote(account_id, safe="", errors="surrogatepass").encode())

    def account_hold(self, account_id: str) -> bytes:
        """Of the set that lets its sign-ins wait."""
        return self.account(account_id) + b":held"

    def account_seal(self, account_id: str) -> bytes:
        """Of the index' slot."""
        return self.account(account_id) + b":seal"


def pack_session(session: Session) -> bytes:
    """A row as its value."""
    account, client = _encoded(session.account_id), _encoded(session.client)
    fixed = _FIXED.pack(
        session.created_at, session.authenticated_at, session.remember, len(account), len(client)
    )  # fmt: skip
    head = _HEAD.pack(
        FORMAT,
        0 if session.revoke_reason is None else REASONS.index(session.revoke_reason) + 1,
        session.revoked_at or 0,
        session.expires_at,
        session.generation,
        session.fingerprint,
        session.key_hash,
        session.committed_at,
        len(fixed) + len(account) + len(client),
    )
    ancestors = rows.pack_ancestors(session.ancestors)
    return b"".join((head, fixed, account, client, pack_text(session.last_ip_prefix), ancestors))


def unpack_session(sid: bytes, value: bytes) -> Session:
    """The reverse. Raises StoreUnavailable for a value of a format that this program does not know."""
    if value[0] != FORMAT:
        raise StoreUnavailable("A session was written by another version of Gatepass.")
    _, state, revoked_at, expires_at, generation, fingerprint, key_hash, committed_at, length = _HEAD.unpack_from(value)
    created_at, authenticated_at, remember, account, client = _FIXED.unpack_from(value, _HEAD.size)
    start = _HEAD.size + _FIXED.size
    address = _HEAD.size + length + _LENGTH.size
    ancestors = address + _LENGTH.unpack_from(value, _HEAD.size + length)[0]
    return Session(
        sid=sid,
        account_id=_decoded(value[start : start + account]),
        generation=generation,
        fingerprint=fingerprint,
        key_hash=key_hash,
        committed_at=committed_at,
        ancestors=rows.unpack_ancestors(value[ancestors:]),
        created_at=created_at,
        expires_at=expires_at,
        authenticated_at=authenticated_at,
        remember=remember,
        client=_decoded(value[start + account : start + account + client]),
        last_ip_prefix=_decoded(value[address:ancestors]),
        revoked_at=revoked_at if state else None,
        revoke_reason=REASONS[state - 1] if state else None,
    )


def pack_version(swap: Swap) -> bytes:
    """What a swap expects."""
    return _VERSION.pack(swap.expected_generation, swap.expected_fingerprint)


def pack_committed(swap: Swap) -> bytes:
    """What a swap puts in its place."""
    return _COMMITTED.pack(swap.generation, swap.fingerprint, swap.key_hash, swap.now)


def pack_end(reason: EndReason, now: int) -> bytes:
    """What a revocation puts behind the format."""
    return _END.pack(REASONS.index(reason) + 1, now)


def pack_text(text: str) -> bytes:
    """A text behind its length."""
    encoded = _encoded(text)
    return _LENGTH.pack(len(encoded)) + encoded


def pack_command(*parts: bytes) -> bytes:
    """A command on the wire (RESP). Here rather than in the driver: half of its time, on the path of every refresh."""
    packed = [b"*%d\r\n" % len(parts)]
    packed += [b"$%d\r\n%s\r\n" % (len(part), part) for part in parts]
    return b"".join(packed)


def pairs(flat: Sequence[bytes]) -> list[tuple[bytes, int]]:
    """Members and whole scores, as WITHSCORES answers them."""
    return [(flat[place], int(float(flat[place + 1]))) for place in range(0, len(flat), 2)]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")
