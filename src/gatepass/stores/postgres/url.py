"""What a postgresql:// URL says: which database, and how to treat it.

    postgresql://gate:password@db.internal/app?sslmode=verify-full&schema=gatepass

Everything that libpq knows in a URL does here too (several hosts, `host=/socket/folder`, `sslmode`, `sslrootcert`,
`target_session_attrs`); what is no connection option is a setting of the server (`synchronous_commit=local`). Ours:

    schema=gatepass   the schema that has our tables
    pgbouncer=1       a pooler in transaction mode stands between: no prepared statements, no LISTEN, no settings
    connections=4     how many connections a process has at most, one more listens

The URL may hold a password: it is in no message and in no `repr`.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from gatepass.errors import ConfigurationError

CONNECTIONS = 4
"""Against what: refreshes need two, sharing commits; the rest is for sign-ins. More only wait for each other."""
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Address:
    """One database and how to treat it. `dsn` is for the driver alone; `shown` is for people."""

    dsn: str = field(repr=False)
    shown: str
    schema: str
    is_pooled: bool
    connections: int
    chose_commit: bool
    """Whether the URL itself says how durable a commit is."""
    is_cluster: bool
    """Whether there are several hosts, one of which takes writes."""


def parse_address(url: str) -> Address:
    """Read a URL. Raises ConfigurationError that names the fault and never the URL."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ConfigurationError(
            "The PostgreSQL URL cannot be read; percent-encode special characters in the user and the password."
        ) from None
    if parts.fragment:
        raise ConfigurationError("The PostgreSQL URL has a #; in a password write it as %23.")
    schema = options.pop("schema", "gatepass")
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,47}", schema):
        raise ConfigurationError("schema= in the PostgreSQL URL is a name of a-z, 0-9 and _, at most 48 long.")
    is_pooled = _flag(options.pop("pgbouncer", "0"))
    connections = _count(options.pop("connections", str(CONNECTIONS)))
    chose_commit = "synchronous_commit" in options
    if is_pooled:
        options.pop("synchronous_commit", None)  # a pooler refuses settings at connect; here it only permits
    place = parts.netloc.rpartition("@")[2] or options.get("host", "localhost")
    dsn = urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(options), ""))
    return Address(
        dsn=dsn,
        shown=f"{place}{parts.path}",
        schema=schema,
        is_pooled=is_pooled,
        connections=connections,
        chose_commit=chose_commit,
        is_cluster="," in place and "target_session_attrs" not in options,
    )


def _flag(text: str) -> bool:
    if text.lower() not in (*_YES, *_NO):
        raise ConfigurationError("pgbouncer= in the PostgreSQL URL is 1 or 0.")
    return text.lower() in _YES


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]?", text):
        raise ConfigurationError("connections= in the PostgreSQL URL is a number from 1 to 99.")
    return int(text)
