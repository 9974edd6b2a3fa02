"""What a redis:// URL may say, and what never comes out of it again."""

import pytest

from gatepass.errors import ConfigurationError
from gatepass.stores.redis.url import Address, Host, parse_address

CANARY = "canary-of-the-password"


def test_without_options_it_is_one_server_with_our_defaults() -> None:
    address = parse_address("redis://cache")
    assert (address.kind, address.hosts, address.prefix) == ("single", (Host("cache", 6379),), "gatepass")
    assert (address.replicas, address.disks) == (0, 0)
    assert address.login == {"username": None, "password": None, "db": 0}


def test_user_password_and_database_are_for_the_driver() -> None:
    address = parse_address("redis://gate:p%40ss%2F@cache:7000/3?prefix=app&wait=2&waitaof=1")
    assert address.hosts == (Host("cache", 7000),)
    assert address.login == {"username": "gate", "password": "p@ss/", "db": 3}
    assert (address.prefix, address.replicas, address.disks) == ("app", 2, 1)


def test_sentinels_have_a_name_for_the_primary_and_a_login_of_their_own() -> None:
    address = parse_address("redis+sentinel://:secret@s1,[::1]:7001/main/2?sentinel_password=other")
    assert (address.kind, address.service) == ("sentinel", "main")
    assert address.hosts == (Host("s1", 26379), Host("::1", 7001))
    assert (address.login["password"], address.login["db"]) == ("secret", 2)
    assert address.sentinel_login == {"username": None, "password": "other"}
    assert address.shown == "s1:26379,[::1]:7001/main"


@pytest.mark.parametrize("scheme", ["rediss", "rediss+cluster"])
def test_tls_is_strict_unless_told_otherwise(scheme: str) -> None:
    strict = parse_address(f"{scheme}://cache?ssl_ca_certs=/ca.pem").login
    assert (strict["ssl"], strict["ssl_cert_reqs"], strict["ssl_check_hostname"]) == (True, "required", True)
    assert strict["ssl_ca_certs"] == "/ca.pem"
    lax = parse_address(f"{scheme}://cache?ssl_cert_reqs=none").login
    assert (lax["ssl_cert_reqs"], lax["ssl_check_hostname"]) == ("none", False)
    assert not parse_address(f"{scheme}://cache?ssl_check_hostname=no").login["ssl_check_hostname"]


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("redis://a,b", "several hosts"),
        ("redis://cache:port", "host"),
        ("redis://cache:99999", "host"),
        ("redis://cache/zero", "database"),
        ("redis://cache/1/2", "database"),
        ("redis+cluster://cache/1", "cluster has only one"),
        ("redis+sentinel://cache", "name of the primary"),
        ("redis+other://cache", "must begin with"),
        ("valkey://cache", "must begin with"),
        ("redis://cache?prefix={x}", "prefix="),
        ("redis://cache?wait=x", "wait="),
        ("redis://cache?waitaof=-1", "waitaof="),
        ("redis://cache?ssl_ca_certs=/ca.pem", "ssl_ca_certs"),
        ("redis://cache?unknown=1", "unknown"),
        ("redis://cache?broken", "cannot be read"),
        ("redis://:pass#word@cache", "%23"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(url: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        parse_address(url)


@pytest.mark.parametrize(
    "url",
    [
        f"redis://gate:{CANARY}@cache:port",
        f"redis://gate:{CANARY}#@cache",
        f"redis+cluster://gate:{CANARY}@a,b/7",
        f"redis://gate:{CANARY}@[::1",
        f"redis+sentinel://s?sentinel_password={CANARY}",
    ],
)
def test_a_password_is_in_no_message(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_address(url)
    assert CANARY not in f"{raised.value!r} {raised.value.__cause__!r}"


def test_a_password_is_in_no_repr() -> None:
    address: Address = parse_address(f"redis+sentinel://gate:{CANARY}@s/main?sentinel_password={CANARY}")
    assert CANARY not in f"{address!r} {address.shown}"
