"""Every spelling of an address that servers and proxies write is read; what cannot be told is unknown."""

import pytest

from gatepass.errors import ConfigurationError
from gatepass.wire import address
from gatepass.wire.address import Proxies, Unknown, parse_node
from gatepass.wire.headers import Headers

SPELLINGS = [
    "192.0.2.1",
    " 192.0.2.1\t",
    "192.0.2.1:4711",
    '"192.0.2.1:4711"',
    "192.0.2.1:_port",
    "::ffff:192.0.2.1",
    "[::ffff:192.0.2.1]",
    "[::ffff:192.0.2.1]:443",
    "::ffff:c000:201",
]
SPELLINGS_6 = [
    "2001:db8:1::5",
    "2001:DB8:1:0::5",
    "[2001:db8:1::5]",
    "[2001:db8:1::5]:443",
    '"[2001:db8:1::5]:443"',
    "2001:db8:1::5%eth0",
    "[2001:db8:1::5%eth0]:443",
]
NO_ADDRESSES = [
    "",
    "unknown",
    "_hidden",
    "_hidden:80",
    "nonsense",
    "1.2.3",
    "1.2.3.4.5:80",
    "[1.2.3.4",
    "1.2.3.4:",
    "a" * 99,
]


def network(
    peer: str | None, *forwarded: str, trusted: str = "", private_clients: bool = False, header: str = "x-forwarded-for"
) -> str:
    """The network of a request; the reason, in brackets, where it is unknown."""
    proxies = Proxies.parse(trusted.split(), private_clients=private_clients)
    found = proxies.network_of(peer, Headers([(header.encode(), value.encode()) for value in forwarded]))
    return f"({found.why})" if isinstance(found, Unknown) else found


@pytest.mark.parametrize("text", SPELLINGS)
def test_every_spelling_of_an_ipv4_address_is_one_network_as_peer_and_as_hop(text: str) -> None:
    assert network(text) == "192.0.2.0/24"
    assert network("10.0.0.1", text, trusted="10.0.0.0/8") == "192.0.2.0/24"


@pytest.mark.parametrize("text", SPELLINGS_6)
def test_every_spelling_of_an_ipv6_address_is_one_network_as_peer_and_as_hop(text: str) -> None:
    assert network(text) == "2001:db8:1::/48"
    assert network("10.0.0.1", text, trusted="10.0.0.0/8") == "2001:db8:1::/48"


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address_is_no_node(text: str) -> None:
    assert parse_node(text) is None


@pytest.mark.parametrize("text", [text for text in NO_ADDRESSES if text])
def test_a_hop_that_is_no_address_is_unknown_and_not_the_hop_before_it(text: str) -> None:
    assert network("10.0.0.1", f"198.51.100.1, {text}", trusted="10.0.0.0/8") == "(not-an-address)"


@pytest.mark.parametrize("trusted", ["127.0.0.1", "::ffff:127.0.0.1", "::ffff:127.0.0.0/104", "127.0.0.0/8"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "::ffff:127.0.0.1", "127.0.0.1:80"])
def test_a_proxy_is_trusted_in_each_spelling_of_its_address(peer: str, trusted: str) -> None:
    assert network(peer, "192.0.2.1", trusted=trusted) == "192.0.2.0/24"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (("198.51.100.1, 192.0.2.1",), "192.0.2.0/24"),
        (("198.51.100.1, 192.0.2.1, 10.9.9.9:80",), "192.0.2.0/24"),
        (("198.51.100.1", "192.0.2.1, [::ffff:10.9.9.9]:80"), "192.0.2.0/24"),
        (("198.51.100.1, 192.0.2.1, ,",), "192.0.2.0/24"),
        (("10.9.9.9, 10.8.8.8",), "(not-forwarded)"),
        (("",), "(not-forwarded)"),
        ((), "(not-forwarded)"),
    ],
)
def test_the_last_hop_that_no_trusted_proxy_is_counts(forwarded: tuple[str, ...], expected: str) -> None:
    assert network("10.0.0.1", *forwarded, trusted="10.0.0.0/8") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("for=192.0.2.1", "192.0.2.0/24"),
        ('For="[2001:db8:1::5]:47011"; Proto=https;by=10.0.0.1', "2001:db8:1::/48"),
        ('for=198.51.100.1, by=10.1.1.1;for="192.0.2.1:80"', "192.0.2.0/24"),
        ('for=192.0.2.1;host="a,b;for=198.51.100.1"', "192.0.2.0/24"),
        ("for=192.0.2.1, for=10.9.9.9", "192.0.2.0/24"),
        ("for=unknown", "(not-an-address)"),
        ("for=_SEVKISEK", "(not-an-address)"),
        ("proto=https", "(not-an-address)"),
        ("for=192.0.2.1, " + "for=10.9.9.9, " * 500, "(not-an-address)"),
    ],
)
def test_the_header_of_rfc_7239_is_read_where_the_other_does_not_stand(value: str, expected: str) -> None:
    assert network("10.0.0.1", value, trusted="10.0.0.0/8", header="forwarded") == expected


def test_a_peer_that_is_not_trusted_chooses_nothing() -> None:
    assert network("203.0.113.5", "192.0.2.1", trusted="10.0.0.0/8") == "203.0.113.0/24"
    assert network("203.0.113.5", "for=192.0.2.1", trusted="10.0.0.0/8", header="forwarded") == "203.0.113.0/24"


@pytest.mark.parametrize("peer", [None, "", "localhost", "unix", "unix:", "unix:/run/gatepass.sock"])
def test_a_unix_socket_is_a_proxy_where_the_settings_say_so_and_else_unknown(peer: str | None) -> None:
    assert network(peer, "192.0.2.1", trusted="unix") == "192.0.2.0/24"
    assert network(peer, "192.0.2.1", trusted="10.0.0.0/8") == "(unix-socket)"
    assert network("10.0.0.1", "192.0.2.1", trusted="unix") == "(private-address)"


def test_a_proxy_before_a_proxy_on_a_unix_socket_is_passed_over() -> None:
    assert network(None, "192.0.2.1, unix:", trusted="unix") == "192.0.2.0/24"
    assert network(None, "192.0.2.1, 10.0.0.5", trusted="unix 10.0.0.5") == "192.0.2.0/24"


PRIVATE = [
    "10.1.2.3",
    "172.20.0.1",
    "192.168.1.1",
    "100.64.0.9",
    "169.254.1.1",
    "fd00::1",
    "fe80::1%eth0",
    "::ffff:10.1.2.3",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_unknown_unless_the_clients_are_in_an_intranet(address: str) -> None:
    assert network(address) == "(private-address)"
    assert network("127.0.0.1", address, trusted="127.0.0.1") == "(private-address)"
    assert network(address, private_clients=True).endswith(("/24", "/48"))
    assert network("127.0.0.1", address, trusted="127.0.0.1", private_clients=True).endswith(("/24", "/48"))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::"])
def test_this_machine_is_never_the_network_of_a_client(address: str) -> None:
    assert network(address, private_clients=True) == "(private-address)"


@pytest.mark.parametrize("text", ["everybody", "10.0.0.1/8", "unix:", "10.0.0.0/8 UNIX", "1.2.3.4:80"])
def test_a_wrong_network_of_proxies_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="trusted_proxies"):
        Proxies.parse(text.split())


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-forwarded-proto": "http"}, True),
        ({"x-forwarded-proto": "HTTP"}, True),
        ({"x-forwarded-proto": "http, https"}, True),
        ({"forwarded": "for=192.0.2.1;proto=http"}, True),
        ({"x-forwarded-proto": "https"}, False),
        ({"x-forwarded-proto": "https, http"}, False),
        ({"x-forwarded-proto": ""}, False),
        ({"forwarded": "for=192.0.2.1;proto=https"}, False),
        ({}, False),
    ],
)
def test_only_a_trusted_proxy_says_that_the_client_used_plain_http(headers: dict[str, str], expected: bool) -> None:
    raw = Headers([(name.encode(), value.encode()) for name, value in headers.items()])
    assert Proxies.parse(["10.0.0.0/8"]).says_http("10.0.0.1", raw) is expected
    assert Proxies.parse([]).says_http("10.0.0.1", raw) is False


def test_of_a_text_that_is_too_long_for_an_address_nothing_is_kept() -> None:
    """Callers write it, through a proxy that passes on what they say: megabytes in a few thousand requests."""
    before = address._node_of.cache_info().currsize
    assert parse_node("1" * 60_000) is None
    assert address._node_of.cache_info().currsize == before
    assert parse_node("[2001:0db8:0001:0000:0000:0000:192.168.100.100%enp0s31f6-vlan]:65535") is not None
