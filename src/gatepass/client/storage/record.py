"""What a session keeps between two runs of a program, and its format.

One small JSON object. It holds the refresh token, and a reader of that is signed in: so a storage must protect it, and
no `repr` shows a secret. A text that differs from the format is corrupt: half a session is never reconstructed.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TypeVar

from gatepass.client.errors import StorageError
from gatepass.core import base64url
from gatepass.core.binding import KEY_BYTES

Value = TypeVar("Value")
VERSION = 2
FIRST_VERSION = 1
"""Its sessions had no binding key. What else it says is read as today."""
MAX_MISSING = 3
MISSING_TIMEOUT = 60.0
"""A cookie that is none to the server this often in a row, for this long (seconds), is gone for good."""


class CorruptRecord(StorageError):
    """The text is not what `encode` writes. The message says what is wrong and repeats nothing of the text."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account of a session, as the server describes it to its owner. `created_at` is in Unix seconds."""

    id: str
    email: str
    created_at: int
    email_verified: bool = False
    """Whether its owner has proved that mail to the address arrives."""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """All that a session keeps. Immutable; a change is a new object (`dataclasses.replace`).

    `cookie` is the refresh cookie's name and value; `generation` and `challenge` are those of its token, the next to
    be presented. `binding_key` proves that the session is this program's own (PROTOCOL §5); `is_bound` says that the
    server has confirmed it. `expires_at` is the end of the access token by the wall clock, in Unix seconds, and
    `lifetime` its whole lifetime in seconds. `missing` counts the answers in a row to which the cookie was none, and
    says since when (Unix seconds). `signed_out` are (sid, cookie name, cookie value) of the sign-outs that the server
    has not confirmed.
    """

    sid: str | None = None
    generation: int | None = None
    challenge: str | None = None
    binding_key: bytes | None = field(default=None, repr=False)
    is_bound: bool = False
    missing: tuple[int, float] = (0, 0.0)
    cookie: tuple[str, str] | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    lifetime: float | None = None
    account: Account | None = field(default=None, repr=False)
    signed_out: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)


def encode(record: SessionRecord) -> bytes:
    """Return the record as one line of UTF-8 JSON."""
    members = asdict(record)
    members["binding_key"] = None if record.binding_key is None else base64url.encode(record.binding_key)
    return json.dumps({"version": VERSION, **members}, ensure_ascii=False).encode() + b"\n"


def decode(text: bytes) -> SessionRecord:
    """Return the record that `encode` wrote, in this version or the first. Unknown members are ignored.

    Raises CorruptRecord.
    """
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        raise CorruptRecord("it is not JSON") from None
    version = members.get("version") if isinstance(members, dict) else None
    if not isinstance(version, int) or version < FIRST_VERSION:
        raise CorruptRecord("it is not a Gatepass session")
    if version > VERSION:
        raise CorruptRecord("it was written by a newer version of Gatepass")
    # A server of today knows no refresh token of the first version: it is believed at once that this one is none.
    missing = _optional(members, "missing", _missing) or ((MAX_MISSING, 0.0) if version == FIRST_VERSION else (0, 0.0))
    return SessionRecord(
        sid=_optional(members, "sid", lambda value: _checked(value, is_sid)),
        generation=_optional(members, "generation", _count),
        challenge=_optional(members, "challenge", lambda value: _checked(value, is_challenge)),
        binding_key=_optional(members, "binding_key", _key),
        is_bound=members.get("is_bound") is True,
        missing=missing,
        cookie=_optional(members, "cookie", lambda value: _texts(value, 2)),  # type: ignore[arg-type]
        access_token=_optional(members, "access_token", _text),
        expires_at=_optional(members, "expires_at", _seconds),
        lifetime=_optional(members, "lifetime", _seconds),
        account=_optional(members, "account", _account),
        signed_out=_optional(members, "signed_out", _signed_out) or (),
    )


def is_sid(text: str) -> bool:
    """Return whether this is the id of a session."""
    return re.fullmatch(r"[0-9a-f]{32}", text) is not None


def is_challenge(text: str) -> bool:
    """Return whether this is the challenge of a refresh token."""
    return re.fullmatch(r"[A-Za-z0-9_-]{11}", text) is not None


def _optional(members: Mapping[str, object], name: str, read: Callable[[object], Value]) -> Value | None:
    value = members.get(name)
    if value is None:
        return None
    try:
        return read(value)
    except (TypeError, ValueError, KeyError):
        raise CorruptRecord(f"its member {name} is invalid") from None


def _checked(value: object, is_valid: Callable[[str], bool]) -> str:
    text = _text(value)
    if not is_valid(text):
        raise ValueError
    return text


def _key(value: object) -> bytes:
    key = base64url.decode(_text(value).encode())
    if len(key) != KEY_BYTES:
        raise ValueError
    return key


def _missing(value: object) -> tuple[int, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError
    return _count(value[0]), _seconds(value[1])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError
    return value


def _seconds(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _texts(value: object, count: int) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) != count:
        raise ValueError
    return tuple(_text(part) for part in value)


def _account(value: object) -> Account:
    if not isinstance(value, dict):
        raise TypeError
    verified = value.get("email_verified") is True  # a record of an earlier version has none
    return Account(_text(value["id"]), _text(value["email"]), _count(value["created_at"]), verified)


def _signed_out(value: object) -> tuple[tuple[str, str, str], ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(_texts(entry, 3) for entry in value)  # type: ignore[misc]
