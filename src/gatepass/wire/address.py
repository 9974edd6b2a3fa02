"""Which network a request comes from: the socket's peer, or what trusted proxies say of it.

    peer 203.0.113.7                                                  203.0.113.0/24
    peer ::ffff:10.0.0.1 (trusted), X-Forwarded-For: 192.0.2.1:4711   192.0.2.0/24
    peer 10.0.0.1, not trusted                                        unknown: probably a proxy, before all clients

An unknown network must not be counted: what is counted for "no address" is counted for all such requests, and one
client that guesses passwords would lock the others out. A private address is unknown for the same reason.
"""

import functools
import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from gatepass.errors import ConfigurationError
from gatepass.wire.headers import Headers

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
UNIX: Literal["unix"] = "unix"
"""A Unix socket, as a peer and as a word of TRUSTED_PROXIES."""
Node = Address | Literal["unix"]

Why = Literal["private-address", "unix-socket", "not-forwarded", "not-an-address"]
_PREFIX_LENGTH = {4: 24, 6: 48}
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",  # RFC 6598, used by providers and by cluster networks
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)
"""Not `is_private`, which also covers the networks for documentation."""
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+(?:%[^\]]*)?)\](?::\w{1,16})?", re.ASCII)
_WITH_PORT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){3}):\w{1,16}", re.ASCII)
_ELEMENT = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^",])+')
_PAIR = re.compile(r'(?:^|;)\s*([A-Za-z]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;"\s]*)\s*(?=;|$)')
_MAX_NODE = 128
"""Characters of an address with its zone, port, quotes and space: callers write it, and what it means is remembered."""
_MAX_FORWARDED = 2048
"""Characters of a Forwarded header that are parsed: many hops, and few enough for patterns that backtrack."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The network of a request cannot be told, and why."""

    why: Why


@dataclass(frozen=True, slots=True)
class Proxies:
    """Whose X-Forwarded-For is believed, and whether a private address is a client (an intranet)."""

    networks: tuple[Network, ...] = ()
    trusts_unix: bool = False
    private_clients: bool = False

    @classmethod
    def parse(cls, texts: Iterable[str], *, private_clients: bool = False) -> "Proxies":
        """Of networks such as 10.0.0.0/8, and the word `unix`. Raises ConfigurationError."""
        listed = tuple(texts)
        try:
            networks = tuple(_unmapped_network(ipaddress.ip_network(text)) for text in listed if text != UNIX)
        except ValueError as fault:
            raise ConfigurationError(f"`trusted_proxies`: {fault}, and not the word unix.") from None
        return cls(networks, UNIX in listed, private_clients)

    def trusts(self, node: Node | None) -> bool:
        """Whether a node is a trusted proxy."""
        if node is None or node == UNIX:
            return node is not None and self.trusts_unix
        return any(node in network for network in self.networks)

    def network_of(self, peer: str | None, headers: Headers) -> str | Unknown:
        """The /24 or /48 of the client: of the last hop that is no trusted proxy, with the peer as the last of all.

        `peer` is the address of the socket; None and "" are a Unix socket.
        """
        node = parse_peer(peer)
        if self.trusts(node):
            hops = forwarded_hops(headers)
            while hops and self.trusts(node):
                node = parse_node(hops.pop())
        if node is None:
            return Unknown("not-an-address")
        if self.trusts(node):
            return Unknown("not-forwarded")
        if node == UNIX:
            return Unknown("unix-socket")
        if node.is_loopback or node.is_unspecified or (not self.private_clients and is_private(node)):
            return Unknown("private-address")
        return coarse(node)

    def says_http(self, peer: str | None, headers: Headers) -> bool:
        """Whether a trusted proxy says that the client used plain http (X-Forwarded-Proto, or RFC 7239 `proto`)."""
        return forwarded_scheme(headers) == "http" and self.trusts(parse_peer(peer))


def parse_peer(text: str | None) -> Node | None:
    """The peer of a socket, as servers name it; None for what is no address."""
    # gunicorn has "" for a Unix socket, waitress "localhost", ASGI servers None.
    return UNIX if not text or text == "localhost" else parse_node(text)


def parse_node(text: str) -> Node | None:
    """One address as peers and proxies spell it; None for anything else, such as `unknown` and `_hidden`.

    192.0.2.1, 192.0.2.1:4711, 2001:db8::1, [2001:db8::1], "[2001:db8::1]:4711" (RFC 7239 §6), ::ffff:192.0.2.1, unix:
    """
    return _node_of(text) if len(text) <= _MAX_NODE else None


@functools.lru_cache(maxsize=4096)
def _node_of(text: str) -> Node | None:
    text = text.strip(" \t")
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if text == UNIX or text.startswith("unix:"):  # nginx, where it listens on a Unix socket itself
        return UNIX
    match = _BRACKETED.fullmatch(text) or _WITH_PORT.fullmatch(text)
    try:
        return _unmapped(ipaddress.ip_address((match[1] if match else text).partition("%")[0]))
    except ValueError:
        return None


def forwarded_hops(headers: Headers) -> list[str]:
    """The hops that proxies have written, the client first: X-Forwarded-For, else Forwarded (RFC 7239 §5.2)."""
    if b"x-forwarded-for" in headers:
        return [hop for value in headers.all(b"x-forwarded-for") for hop in value.split(",") if hop.strip(" \t")]
    return [element.get("for", "") for element in _elements(headers)]


def forwarded_scheme(headers: Headers) -> str | None:
    """The scheme that the client used, as the first proxy has seen it; None if none says so."""
    if b"x-forwarded-proto" in headers:
        return (headers.first(b"x-forwarded-proto") or "").partition(",")[0].strip(" \t").lower()
    return next((element["proto"].lower() for element in _elements(headers) if "proto" in element), None)


@functools.lru_cache(maxsize=4096)
def coarse(address: Address) -> str:
    """The /24 or /48 that an address lies in."""
    return str(ipaddress.ip_network((address, _PREFIX_LENGTH[address.version]), strict=False))


def is_private(address: Address) -> bool:
    """Whether the address is of a network that is not routed on the internet."""
    return any(address in network for network in _PRIVATE)


def _elements(headers: Headers) -> Sequence[dict[str, str]]:
    text = ",".join(headers.all(b"forwarded"))
    if len(text) > _MAX_FORWARDED:
        return [{}]
    elements = [element for element in _ELEMENT.findall(text) if element.strip(" \t")]
    return [{name.lower(): value.strip('"') for name, value in _PAIR.findall(each.strip())} for each in elements]


def _unmapped(address: Address) -> Address:
    """A dual-stack socket shows an IPv4 peer as ::ffff:192.0.2.1: addresses are compared in one spelling."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _unmapped_network(network: Network) -> Network:
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96 and network[0].ipv4_mapped:
        return ipaddress.ip_network((network[0].ipv4_mapped, network.prefixlen - 96))
    return network
