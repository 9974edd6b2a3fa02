"""What a session keeps between two runs of a program, and its format.

One small JSON object. It holds the refresh token, and a reader of that is signed in: so a storage must protect it, and
no `repr` shows a secret. A text that differs from the format is corrupt: half a session is never reconstructed.
"""

import base64
import json
import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TypeVar

from gatepass.client.errors import StorageError

Value = TypeVar("Value")
KEY_BYTES = 32
VERSION = 1


class CorruptRecord(StorageError):
    """The text is not what `encode` writes. The message says what is wrong and repeats nothing of the text."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account of a session, as the server describes it to its owner. `created_at` is in Unix seconds."""

    id: str
    email: str
    created_at: int


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """All that a session keeps. Immutable; a change is a new object (`dataclasses.replace`).

    `client_key` is made once and never replaced (PROTOCOL §5). `cookie` is the refresh cookie's name and value,
    `generation` that of its token, the next to be presented. `expires_at` is the end of the access token by the wall
    clock, in Unix seconds, and `lifetime` its whole lifetime in seconds. `signed_out` are (sid, cookie name, cookie
    value) of the sign-outs that the server has not confirmed.
    """

    client_key: bytes = field(repr=False)
    sid: str | None = None
    generation: int | None = None
    cookie: tuple[str, str] | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    lifetime: float | None = None
    account: Account | None = field(default=None, repr=False)
    signed_out: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)

    @classmethod
    def fresh(cls) -> "SessionRecord":
        """Return a record without a session and with a new client key."""
        return cls(secrets.token_bytes(KEY_BYTES))


def encode(record: SessionRecord) -> bytes:
    """Return the record as one line of UTF-8 JSON."""
    members = asdict(record)
    members["client_key"] = base64.urlsafe_b64encode(record.client_key).decode()
    return json.dumps({"version": VERSION, **members}, ensure_ascii=False).encode() + b"\n"


def decode(text: bytes) -> SessionRecord:
    """Return the record that `encode` wrote. Unknown members are ignored. Raises CorruptRecord."""
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        raise CorruptRecord("it is not JSON") from None
    if not isinstance(members, dict) or not isinstance(members.get("version"), int):
        raise CorruptRecord("it is not a Gatepass session")
    if members["version"] > VERSION:
        raise CorruptRecord("it was written by a newer version of Gatepass")
    return SessionRecord(
        client_key=_client_key(members.get("client_key")),
        sid=_optional(members, "sid", _text),
        generation=_optional(members, "generation", _count),
        cookie=_optional(members, "cookie", lambda value: _texts(value, 2)),  # type: ignore[arg-type]
        access_token=_optional(members, "access_token", _text),
        expires_at=_optional(members, "expires_at", _seconds),
        lifetime=_optional(members, "lifetime", _seconds),
        account=_optional(members, "account", _account),
        signed_out=_optional(members, "signed_out", _signed_out) or (),
    )


def _optional(members: Mapping[str, object], name: str, read: Callable[[object], Value]) -> Value | None:
    value = members.get(name)
    if value is None:
        return None
    try:
        return read(value)
    except (TypeError, ValueError, KeyError):
        raise CorruptRecord(f"its member {name} is invalid") from None


def _client_key(value: object) -> bytes:
    try:
        key = base64.b64decode(_text(value), altchars=b"-_", validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise CorruptRecord("its member client_key is invalid")
    return key


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
    return Account(_text(value["id"]), _text(value["email"]), _count(value["created_at"]))


def _signed_out(value: object) -> tuple[tuple[str, str, str], ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(_texts(entry, 3) for entry in value)  # type: ignore[misc]
