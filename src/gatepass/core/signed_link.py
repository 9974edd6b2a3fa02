"""Links to one path for `<img>`, `<video>` and downloads, which send no header: compose and parse (PROTOCOL §10).

    /files/7?gp_link=gp_ln_ + base64url of   version 1 · key id 1 · target 16 · claims (JSON) · MAC 32

`target` is a digest of the path and the query that the link is for; so a link that is genuine and came to another path
can be told from a forged one. `claims` are those of the access token that it was made by, but only who, which session
and since when, and what the application names: an address stands in histories and logs. The MAC has a key of its own,
derived from the secrets: the first one signs, all verify. It is checked as an access token is, against expiry and the
feed, and is never taken for one.
"""

import hmac
import re
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import parse_qsl

from gatepass.core import base64url, strict_json
from gatepass.core.keyring import KeyRing
from gatepass.core.principal import Principal, principal_of
from gatepass.core.strict_json import Json
from gatepass.errors import InvalidToken

PREFIX = "gp_ln_"
"""Lets secret scanners find leaks."""
VERSION = 1
TARGET_BYTES = 16
MAX_LENGTH = 2048
"""Characters: with its path an address stays below the 4 kB that servers and proxies accept at least."""
_MAC_BYTES = 32
_HEAD_BYTES = 2 + TARGET_BYTES
_TEXT = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{72,{MAX_LENGTH - len(PREFIX)}}}", re.ASCII)


def target_of(path: str, query: str) -> bytes:
    """The digest of one address: its path, percent-decoded as applications see it, and its query as sent.

    Members of the query are compared decoded and in their order: a proxy may spell `%20` as `+`. Lengths go in, so that
    no two addresses have one message.
    """
    parts = [path, *(text for member in parse_qsl(query, keep_blank_values=True) for text in member)]
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return sha256(b"".join(len(part).to_bytes(4, "big") + part for part in encoded)).digest()[:TARGET_BYTES]


def compose(claims: Mapping[str, Json], *, target: bytes, keys: KeyRing) -> str:
    """The text of a link under the first secret. Raises ValueError for claims that make it too long."""
    signing = keys.current
    body = bytes((VERSION, signing.key_id)) + target + strict_json.dump(claims)
    text = PREFIX + base64url.encode(body + signing.signed_link.digest(body))
    if len(text) > MAX_LENGTH:
        raise ValueError(f"the claims that this link carries make it longer than {MAX_LENGTH} characters")
    return text


def parse(text: str, *, target: bytes, keys: KeyRing, now: int) -> Principal:
    """Whom a link names that is authentic, for this very target, and has not expired at `now` (Unix seconds).

    Raises InvalidToken; to the holder of an authentic link it says what is wrong (`link-elsewhere`, `link-expired`).
    """
    body = _authentic(text, keys)
    if not hmac.compare_digest(body[2:_HEAD_BYTES], target):
        raise InvalidToken("a link of another path or query", reason="link-elsewhere")
    try:
        claims = strict_json.load(body[_HEAD_BYTES:])
    except ValueError as fault:
        raise InvalidToken(f"a link whose claims are {fault}") from None
    if not isinstance(claims, dict):
        raise InvalidToken("a link without claims")
    principal = principal_of(claims, by_link=True)
    if now >= principal.expires_at:
        raise InvalidToken("an expired link", reason="link-expired")
    return principal


def _authentic(text: str, keys: KeyRing) -> bytes:
    """What the MAC of a link covers. Raises InvalidToken."""
    try:
        raw = base64url.decode(text[len(PREFIX) :].encode()) if _TEXT.fullmatch(text) else b""
    except ValueError:
        raw = b""
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    known = keys.find(body[1]) if len(body) > _HEAD_BYTES and body[0] == VERSION else None
    if known is None or not hmac.compare_digest(known.signed_link.digest(body), mac):
        raise InvalidToken("no link of this gate")
    return body
