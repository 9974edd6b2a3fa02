"""Reads a redis:// URL: which servers, how to log in, and how durable a sign-in or a sign-out must be.

    rediss://gate:password@cache.internal:6379/0                     one server
    rediss+sentinel://gate:password@s1:26379,s2:26379/mymaster/0     the primary that Sentinel names
    rediss+cluster://gate:password@n1:6379,n2:6379                   a cluster; any of its nodes will do

With `redis` instead of `rediss` the connections have no TLS, which is for this machine only. Options:

    tls=off              no TLS beyond this machine either: the network itself is protected
    prefix=gatepass      the prefix of all keys and of the channel
    wait=1               how many replicas must have a sign-in or a revocation before it is acknowledged (WAIT)
    waitaof=1            how many servers must have it on disk, the primary first (WAITAOF, Redis 7.2)
    ssl_ca_certs, ssl_certfile, ssl_keyfile, ssl_cert_reqs=required|none, ssl_check_hostname=1
    sentinel_username, sentinel_password

The URL may contain passwords, so no message and no `repr` contains the URL.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar
from urllib.parse import parse_qsl, unquote

from gatepass.errors import ConfigurationError
from gatepass.stores.urls import split_url
from gatepass.wire.origin import is_loopback_host

Kind = Literal["single", "sentinel", "cluster"]
Value = TypeVar("Value")
_KINDS: Mapping[str, Kind] = {"": "single", "sentinel": "sentinel", "cluster": "cluster"}
_PORTS: Mapping[Kind, int] = {"single": 6379, "sentinel": 26379, "cluster": 6379}
_HOST = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<name>[^:\[\],@/]+))(?::(?P<port>[0-9]{1,5}))?")
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class Host(NamedTuple):
    """The address of a server."""

    name: str
    port: int

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """Servers and how to use them. `login` and `sentinel_login` are arguments for a connection of the driver."""

    kind: Kind
    hosts: tuple[Host, ...]
    service: str
    """The name of the primary at the sentinels."""
    prefix: str
    replicas: int
    disks: int
    is_plain: bool
    """Whether nothing is encrypted."""
    is_protected: bool
    """Whether the URL says that the network itself is protected."""
    login: Mapping[str, object] = field(repr=False)
    sentinel_login: Mapping[str, object] = field(repr=False)

    @property
    def display(self) -> str:
        """The servers, for messages: without user and password."""
        return ",".join(map(str, self.hosts)) + (f"/{self.service}" if self.service else "")

    @property
    def is_verified(self) -> bool:
        """Whether no other machine can read what is sent, or pretend to be a server."""
        if self.is_plain:
            return all(is_loopback_host(host.name) for host in self.hosts)
        return self.login.get("ssl_cert_reqs") == "required"

    def is_exposed(self, host: Host) -> bool:
        """Whether what is sent to a server could be read on the way, without the URL saying that it cannot."""
        return self.is_plain and not self.is_protected and not is_loopback_host(host.name)


def parse_url(url: str) -> RedisUrl:
    """Read a URL. Raises ConfigurationError, which names the fault and never the URL."""
    try:
        parts = split_url(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise _refusal("cannot be read; percent-encode special characters in the user and the password") from None
    if parts.fragment:
        raise _refusal("contains a #; in a password write it as %23")
    scheme, _, kind_name = parts.scheme.partition("+")
    if scheme not in ("redis", "rediss") or kind_name not in _KINDS:
        raise _refusal("must begin with redis, rediss, redis+sentinel or redis+cluster, and ://")
    kind = _KINDS[kind_name]
    user, _, places = parts.netloc.rpartition("@")
    hosts = tuple(_host(place, _PORTS[kind]) for place in (places or "localhost").split(","))
    if kind == "single" and len(hosts) > 1:
        raise _refusal("names several hosts; that needs redis+sentinel:// or redis+cluster://")
    service, database = _path(kind, parts.path)
    tls = _tls(options) if scheme == "rediss" else {}
    sentinel = {"username": options.pop("sentinel_username", None), "password": options.pop("sentinel_password", None)}
    parsed = RedisUrl(
        kind=kind,
        hosts=hosts,
        service=service,
        prefix=_option(options, "prefix", "gatepass", r"[A-Za-z0-9_.:-]{1,64}", _text),
        replicas=_option(options, "wait", "0", r"[0-9]", int),
        disks=_option(options, "waitaof", "0", r"[0-9]", int),
        is_plain=scheme == "redis",
        is_protected=scheme == "redis" and _option(options, "tls", "on", "on|off", _text) == "off",
        login={**_user(user), "db": database, **tls},
        sentinel_login={**sentinel, **tls},
    )
    if options:
        raise _refusal(f"has an unknown option: {min(options)}")
    for host in filter(parsed.is_exposed, hosts):
        raise _refusal(
            f"leads to {host} without TLS: use {scheme}s{parts.scheme[len(scheme) :]}://. If the network itself is "
            "protected, tls=off says so"
        )
    return parsed


def _host(place: str, port: int) -> Host:
    found = _HOST.fullmatch(place)
    if found is None or int(found["port"] or port) > 65_535:
        raise _refusal("has a host that cannot be read; it is name:port, several separated by commas")
    return Host(found["six"] or found["name"], int(found["port"] or port))


def _path(kind: Kind, path: str) -> tuple[str, int]:
    """The name of the primary at the sentinels, and the number of the database."""
    pieces = [unquote(piece) for piece in path.strip("/").split("/") if piece]
    service = pieces.pop(0) if kind == "sentinel" and pieces else ""
    if kind == "sentinel" and not service:
        raise _refusal("lacks the name of the primary: redis+sentinel://host:26379/name")
    if kind == "cluster" and pieces not in ([], ["0"]):
        raise _refusal("names a database; a cluster has only one")
    if len(pieces) > 1 or not re.fullmatch(r"[0-9]{1,5}", pieces[0] if pieces else "0"):
        raise _refusal("has a path that is not the number of a database")
    return service, int(pieces[0]) if pieces else 0


def _user(text: str) -> Mapping[str, str | None]:
    name, _, password = text.partition(":")
    return {"username": unquote(name) or None, "password": unquote(password) or None}


def _tls(options: dict[str, str]) -> Mapping[str, object]:
    """Arguments for a connection over TLS. The defaults verify the certificate and the host name."""
    given: dict[str, object] = {
        name: options.pop(name, None) for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
    }
    given["ssl_cert_reqs"] = _option(options, "ssl_cert_reqs", "required", "required|none", _text)
    pattern = "|".join((*_YES, *_NO))
    default = "1" if given["ssl_cert_reqs"] == "required" else "0"
    given["ssl_check_hostname"] = _option(options, "ssl_check_hostname", default, pattern, lambda text: text in _YES)
    return {"ssl": True, **given}


def _option(options: dict[str, str], name: str, default: str, pattern: str, read: Callable[[str], Value]) -> Value:
    text = options.pop(name, default)
    if not re.fullmatch(pattern, text):
        raise _refusal(f"has a {name}= that does not match {pattern}")
    return read(text)


def _text(text: str) -> str:
    return text


def _refusal(fault: str) -> ConfigurationError:
    return ConfigurationError(f"The Redis URL {fault}.")
