"""Reads a postgresql:// URL: which database, and how to use it.

    postgresql://gate:password@db.internal/app?sslmode=verify-full&schema=gatepass

All options of libpq work (several hosts, `host=/socket/folder`, `sslmode`, `sslrootcert`, `target_session_attrs`). An
option that libpq does not know is a setting of the server (`synchronous_commit=local`). Gatepass adds:

    schema=gatepass   the schema of the tables
    pgbouncer=1       the URL leads to a pooler in transaction mode: no prepared statements, no LISTEN, no settings
    connections=4     at most so many connections per process, and one more that listens

Beyond this machine the connection must be encrypted: `sslmode=require`, `verify-ca` or `verify-full`. The word that
permits another one is `sslmode=disable`; libpq's default, `prefer`, goes on without TLS where the server offers none.

The URL may contain a password, so no message and no `repr` contains the URL.
"""

import getpass
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlunsplit

from gatepass.errors import ConfigurationError
from gatepass.stores.urls import remote_hosts, split_url

CONNECTIONS = 4
"""Connections per process. Refreshes need two, since they share commits; the others serve sign-ins. More connections
would only wait for each other."""
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """One database and how to use it. `dsn` is for the driver only; `display` is for messages and has no password."""

    dsn: str = field(repr=False)
    display: str
    schema: str
    is_pooled: bool
    connections: int
    chose_commit: bool
    """Whether the URL sets `synchronous_commit`."""
    is_cluster: bool
    """Whether the URL names several hosts, one of which accepts writes."""
    is_verified: bool
    """Whether no other machine can read what is sent, or pretend to be the server."""


def parse_url(url: str) -> PostgresUrl:
    """Read a URL. Raises ConfigurationError, which names the fault and never the URL."""
    try:
        parts = split_url(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ConfigurationError(
            "The PostgreSQL URL cannot be read; percent-encode special characters in the user and the password."
        ) from None
    if parts.fragment:
        raise ConfigurationError("The PostgreSQL URL contains a #; in a password write it as %23.")
    _check_user(parts.username, options)
    schema = options.pop("schema", "gatepass")
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,47}", schema):
        raise ConfigurationError("schema= in the PostgreSQL URL must be 1 to 48 characters of a-z, 0-9 and _.")
    is_pooled = _flag(options.pop("pgbouncer", "0"))
    connections = _count(options.pop("connections", str(CONNECTIONS)))
    chose_commit = "synchronous_commit" in options
    if is_pooled:
        options.pop("synchronous_commit", None)  # a pooler refuses settings at connect; here the option only permits
    host = parts.netloc.rpartition("@")[2] or options.get("host") or os.environ.get("PGHOST") or "localhost"
    is_verified = _check_transport(host, options.get("sslmode") or os.environ.get("PGSSLMODE") or "prefer")
    dsn = urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(options), ""))
    return PostgresUrl(
        dsn=dsn,
        display=f"{host}{parts.path}",
        schema=schema,
        is_pooled=is_pooled,
        connections=connections,
        chose_commit=chose_commit,
        is_cluster="," in host and "target_session_attrs" not in options,
        is_verified=is_verified,
    )


def _check_transport(hosts: str, mode: str) -> bool:
    """Whether the servers are on this machine or show a certificate for their name. Raises ConfigurationError."""
    remote = remote_hosts(hosts)
    if remote and mode in ("prefer", "allow"):
        raise ConfigurationError(
            f"The PostgreSQL URL leads to {remote[0]} without certain TLS: add sslmode=verify-full, and sslrootcert=… "
            "for an authority of your own. If the network itself is protected, sslmode=disable says so."
        )
    return not remote or mode == "verify-full"


def _check_user(user: str | None, options: Mapping[str, str]) -> None:
    """Raise ConfigurationError if the URL names no user and this process has none: libpq would ask for its name."""
    named = (user, options.get("user"), options.get("service"), os.environ.get("PGUSER"), os.environ.get("PGSERVICE"))
    if any(named):
        return
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise ConfigurationError(
            "The PostgreSQL URL names no user, and this process runs as a user without a name: "
            "postgresql://user@host/database."
        ) from None


def _flag(text: str) -> bool:
    if text.lower() not in (*_YES, *_NO):
        raise ConfigurationError("pgbouncer= in the PostgreSQL URL must be 1 or 0.")
    return text.lower() in _YES


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]?", text):
        raise ConfigurationError("connections= in the PostgreSQL URL must be a number from 1 to 99.")
    return int(text)
