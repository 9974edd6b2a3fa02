r"""The Lua that runs inside Redis. It compares and moves bytes; it knows no rule of PROTOCOL §4 and reads no clock.

Scripts are called by digest (EVALSHA) and are not a library of functions (FUNCTION LOAD): the server only caches them
under the digest of their text. So two versions of Gatepass never replace each other's scripts, no user needs the right
to change functions, and a node that restarts, is added or is promoted needs no preparation: it replies NOSCRIPT, which
means that nothing was done, and is sent the text.

What ends something needs no memory. At `maxmemory` a server refuses a script's first write if it could need memory, and
none after a write that cannot. So these scripts remove something that is not there before they write: signing out,
detecting a theft and changing a password go on. (`#!lua flags=allow-oom` would be refused by Redis 6.)

All keys of a script are in one slot, and the server runs nothing else meanwhile. The writes of a script reach its log
and its replicas as one transaction: a revoked session is always in the list of the revoked.
The places of the bytes are in `layout.py`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from gatepass.stores.redis.layout import pack_command, slot_of


class Script:
    """The text of a script and its digest."""

    def __init__(self, text: str) -> None:
        self.text = text.strip().encode()
        self.digest = (
            hashlib.sha1(self.text, usedforsecurity=False).hexdigest().encode()
        )  # the name that Redis gives a script


@dataclass(frozen=True, slots=True)
class Call:
    """One command for the node that owns a slot."""

    slot: int
    command: bytes
    script: Script | None = None
    rest: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, name: bytes, key: bytes, *parts: bytes) -> "Call":
        """A plain command whose first argument is its key."""
        return cls(slot_of(key), pack_command(name, key, *parts))

    @classmethod
    def run(cls, script: Script, keys: Sequence[bytes], *parts: bytes) -> "Call":
        """A script; its keys are in one slot."""
        rest = (b"%d" % len(keys), *keys, *parts)
        return cls(slot_of(keys[0]), pack_command(b"EVALSHA", script.digest, *rest), script, rest)

    def in_full(self) -> "Call":
        """The same call with the text of the script, for a server that does not know the digest."""
        if self.script is None:
            return self
        return Call(self.slot, pack_command(b"EVAL", self.script.text, *self.rest))


ADD = Script(r"""
-- KEYS row, ends; ARGV value, milliseconds to live, expires_at, sid
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return 0
end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
return 1
""")
SWAP = Script(r"""
-- KEYS row; ARGV expected version, now, new committed entry, new tail
local row = redis.call('GET', KEYS[1])
if not row or string.sub(row, 1, 2) ~= '\2\0' or string.sub(row, 19, 58) ~= ARGV[1]
    or struct.unpack('>l', row, 11) <= tonumber(ARGV[2]) then
  return false
end
local swapped = string.sub(row, 1, 18) .. ARGV[3] .. string.sub(row, 67, 68 + struct.unpack('>H', row, 67)) .. ARGV[4]
redis.call('SET', KEYS[1], swapped, 'KEEPTTL')
return swapped
""")
REVOKE = Script(r"""
-- KEYS row, ends, revoked; ARGV reason and time, now, sid, channel, message
local row = redis.call('GET', KEYS[1])
local head = row and string.sub(row, 1, 2)
if head ~= '\2\0' and head ~= '\1\0' then -- of either format, and not revoked
  return false
end
local ended = string.sub(row, 1, 1) .. ARGV[1] .. string.sub(row, 11)
redis.call('ZREM', KEYS[3], ARGV[3]) -- needs no memory, so what follows may
redis.call('SET', KEYS[1], ended, 'KEEPTTL')
redis.call('ZADD', KEYS[2], 'LT', ARGV[2], ARGV[3])
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return ended
""")
BURY = Script(r"""
-- KEYS row, ends, revoked; ARGV now, sid, channel, message
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('ZREM', KEYS[3], '') -- needs no memory, so what follows may
redis.call('ZADD', KEYS[2], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[1], ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
""")
INDEX = Script(r"""
-- KEYS account; ARGV expires_at, sid, seconds to live, forget before. One script, in which the time does not advance
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[4])
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
""")
LOCK = Script(r"""
-- KEYS set, own; ARGV owner, seconds. The own key is the lock and has its own end; the set says which there are
redis.call('SREM', KEYS[1], ARGV[1]) -- needs no memory, so what follows may
redis.call('SET', KEYS[2], '', 'EX', ARGV[2])
redis.call('SADD', KEYS[1], ARGV[1])
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
""")
UNLOCK = Script(r"""
-- KEYS set, own; ARGV owner
redis.call('DEL', KEYS[2])
redis.call('SREM', KEYS[1], ARGV[1])
""")
MARK = Script(r"""
-- KEYS marker; ARGV seconds
redis.call('DEL', KEYS[1]) -- needs no memory, so what follows may
redis.call('SET', KEYS[1], '', 'EX', ARGV[1])
""")
