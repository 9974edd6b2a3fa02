r"""How sessions are stored in Redis: the names of the keys, and a row as one value.

    prefix:{tag}:<sid, hexadecimal>    the row
    prefix:{tag}:ends                  sorted set: sid by the second in which its session ended or will end
    prefix:{tag}:revoked               sorted set: sid by the second in which it was revoked
    prefix:{account:<account id>}        sorted set: sid by the second in which its session expires
    prefix:{account:<account id>}:lock   set: the changes of the account that are under way (`combined/store.py`)
    …:lock:<owner, hexadecimal>          one for each of them, which ends by itself
    …:marker                             a small write for the server to wait for (`durability.py`)

There are 256 tags, chosen by the first byte of the sid, so a session and its entries in the two sets of its shard are
in one hash slot, and one script changes them together. The tags are numbers whose slots are spread evenly, so a node of
a cluster has about the same share of the sessions as of the slots. More shards would make the list of all revocations
slower, fewer would make the sets of a hundred million sessions too long to move.

A row is one string of about 170 bytes, not a hash: a script compares and replaces it in slices. The fields that a
script uses have fixed places:

    1    format, 2 or 3                        67   length n of the part that no refresh changes
    2    0, or why it was revoked              69   n bytes: times, remember, account id, client, methods, acr, device
    3    when (8)                                   length of the address prefix (2), the prefix
    11   expires_at (8)                             previous (16), or nothing if it is zeros
    19   generation (8) · fingerprint (16) · binding (16) · committed_at (8)

counted from 1, as Lua does. Numbers are big-endian. An acr stands behind the methods and a line feed; most rows have
none. A device is a zero byte, `device_since` (8, or zeros) and its key, or nothing. Format 3 says that it counts: a
script swaps such a row only where the device was shown.

Rows of format 1 are of sessions that began before there was a binding: the epoch of the upgrade has ended them, and
they are read and revoked until `prune` deletes them, but never swapped. They have a key's hash in the place of the
binding, no methods, and other data in the place of `previous`.
"""

import struct
from binascii import crc_hqx
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from gatepass.core.session import NO_BINDING, NO_FINGERPRINT, EndReason, Session, Swap
from gatepass.errors import StoreUnavailable
from gatepass.stores import rows

SLOTS = 16_384
SHARDS = 256
FORMAT = 2
FORMAT_WITH_DEVICE = 3
FORMAT_BEFORE = 1
REASONS: tuple[EndReason, ...] = ("expired", "revoked", "replaced", "reused", "unknown")
_HEAD = struct.Struct(">BBqqq16s16sqH")
_FIXED = struct.Struct(">qq?HH")
_VERSION = struct.Struct(">q16s16s")
_COMMITTED = struct.Struct(">q16s16sq")
_END = struct.Struct(">Bq")
_LENGTH = struct.Struct(">H")
_SINCE = struct.Struct(">q")
_ACR = "\n"


def slot_of(key: bytes) -> int:
    """The hash slot of a key (Redis Cluster specification, "Hash tags")."""
    start = key.find(b"{")
    end = key.find(b"}", start + 1)
    tag = key[start + 1 : end] if start >= 0 and end > start + 1 else key
    return crc_hqx(tag, 0) % SLOTS


def _spread_tags() -> tuple[bytes, ...]:
    """For each shard the lowest number whose slot is in the shard's range of slots."""
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
        self.markers = [shard + b"marker" for shard in shards]
        self.channel = b"%s:revoked" % start

    def row(self, sid: bytes) -> bytes:
        """The key of a session."""
        return self._rows[sid[0]] + sid.hex().encode()

    def account(self, account_id: str) -> bytes:
        """The key of an account's index. The id is quoted, because a brace in it would be read as a tag."""
        return b"%s%s}" % (self._accounts, quote(account_id, safe="", errors="surrogatepass").encode())

    def account_lock(self, account_id: str) -> bytes:
        """The key of the set of locks, which make sign-ins of an account wait."""
        return self.account(account_id) + b":lock"

    def owned_lock(self, account_id: str, owner: bytes) -> bytes:
        """The key of the lock of one owner, who is named in hexadecimal."""
        return b"%s:%s" % (self.account_lock(account_id), owner)

    def account_marker(self, account_id: str) -> bytes:
        """The key of the marker in the slot of an account's index."""
        return self.account(account_id) + b":marker"


def pack_session(session: Session) -> bytes:
    """The value of a row."""
    account, client = _encoded(session.account_id), _encoded(session.client)
    methods = _encoded(_pack_sign_in(session)) + _pack_device(session)
    fixed = _FIXED.pack(
        session.created_at, session.authenticated_at, session.remember, len(account), len(client)
    )  # fmt: skip
    head = _HEAD.pack(
        FORMAT if session.device_since is None else FORMAT_WITH_DEVICE,
        0 if session.revoke_reason is None else REASONS.index(session.revoke_reason) + 1,
        session.revoked_at or 0,
        session.expires_at,
        session.generation,
        session.fingerprint,
        session.binding,
        session.committed_at,
        len(fixed) + len(account) + len(client) + len(methods),
    )
    return b"".join((head, fixed, account, client, methods, pack_tail(session.last_ip_prefix, session.previous)))


def unpack_session(sid: bytes, value: bytes) -> Session:
    """The row of a value. Raises StoreUnavailable if its format is of another version of this program."""
    written_as, state, revoked_at, expires_at, generation, fingerprint, binding, committed_at, length = (
        _HEAD.unpack_from(value)
    )
    if written_as not in (FORMAT, FORMAT_WITH_DEVICE, FORMAT_BEFORE):
        raise StoreUnavailable("A session was written by another version of Gatepass.")
    created_at, authenticated_at, remember, account, client = _FIXED.unpack_from(value, _HEAD.size)
    start = _HEAD.size + _FIXED.size
    end = _HEAD.size + length
    address = end + _LENGTH.size
    tail = address + _LENGTH.unpack_from(value, end)[0]
    is_present = written_as != FORMAT_BEFORE
    sign_in, _, device = value[start + account + client : end].partition(b"\0")
    methods, _, acr = _decoded(sign_in).partition(_ACR)
    return Session(
        sid=sid,
        account_id=_decoded(value[start : start + account]),
        generation=generation,
        fingerprint=fingerprint,
        binding=binding if is_present else NO_BINDING,
        previous=(is_present and value[tail:]) or NO_FINGERPRINT,
        committed_at=committed_at,
        created_at=created_at,
        expires_at=expires_at,
        authenticated_at=authenticated_at,
        methods=rows.unpack_methods(methods),
        remember=remember,
        client=_decoded(value[start + account : start + account + client]),
        last_ip_prefix=_decoded(value[address:tail]),
        revoked_at=revoked_at if state else None,
        revoke_reason=REASONS[state - 1] if state else None,
        device_key=device[_SINCE.size :],
        device_since=(_SINCE.unpack_from(device)[0] if device else 0) or None,
        acr=acr,
    )


def with_device(session: Session, *, key: bytes, since: int | None, now: int) -> Session | None:
    """The row with a device, as `SessionStore.set_device` records it; None if the session is over or has another."""
    if session.revoked_at is not None or session.expires_at <= now or session.device_key not in (b"", key):
        return None
    return replace(
        session, device_key=key, device_since=since if session.device_since is None else session.device_since
    )


def pack_version(swap: Swap) -> bytes:
    """The version that a swap expects: generation, fingerprint and binding."""
    return _VERSION.pack(swap.expected_generation, swap.expected_fingerprint, swap.expected_binding)


def pack_committed(swap: Swap) -> bytes:
    """The committed entry that a swap writes."""
    return _COMMITTED.pack(swap.generation, swap.fingerprint, swap.binding, swap.now)


def pack_end(reason: EndReason, now: int) -> bytes:
    """The reason and the time that a revocation writes behind the format."""
    return _END.pack(REASONS.index(reason) + 1, now)


def pack_tail(ip_prefix: str, previous: bytes) -> bytes:
    """The end of a row, which a swap replaces: the address prefix with its length, and `previous`."""
    encoded = _encoded(ip_prefix)
    return _LENGTH.pack(len(encoded)) + encoded + (b"" if previous == NO_FINGERPRINT else previous)


def pack_command(*parts: bytes) -> bytes:
    """A command as it is sent (RESP). The packing of the driver takes twice the time, on the path of every refresh."""
    packed = [b"*%d\r\n" % len(parts)]
    packed += [b"$%d\r\n%s\r\n" % (len(part), part) for part in parts]
    return b"".join(packed)


def pairs(flat: Sequence[bytes]) -> list[tuple[bytes, int]]:
    """Members and scores from a reply to WITHSCORES; the scores are whole numbers."""
    return [(flat[place], int(float(flat[place + 1]))) for place in range(0, len(flat), 2)]


def _pack_sign_in(session: Session) -> str:
    methods = rows.pack_methods(session.methods)
    return f"{methods}{_ACR}{session.acr}" if session.acr else methods


def _pack_device(session: Session) -> bytes:
    if not session.device_key:
        return b""
    return b"\0" + _SINCE.pack(session.device_since or 0) + session.device_key


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")
