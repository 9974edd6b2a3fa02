"""What a redis:// URL may contain, and what is never shown of it."""

import pytest

from gatepass.errors import ConfigurationError
from gatepass.stores.redis.url import Host, RedisUrl, parse_url

CANARY = "canary-of-the-password"


def test_without_options_it_is_one_server_with_our_defaults() -> None:
    parsed = parse_url("redis://localhost")
    assert (parsed.kind, parsed.hosts, parsed.prefix) == ("single", (Host("localhost", 6379),), "gatepass")
    assert (parsed.replicas, parsed.disks) == (0, 0)
    assert parsed.login == {"username": None, "password": None, "db": 0}


def test_user_password_and_database_are_for_the_driver() -> None:
    parsed = parse_url("redis://gate:p%40ss%2F@cache:7000/3?prefix=app&wait=2&waitaof=1&tls=off")
    assert parsed.hosts == (Host("cache", 7000),)
    assert parsed.login == {"username": "gate", "password": "p@ss/", "db": 3}
    assert (parsed.prefix, parsed.replicas, parsed.disks) == ("app", 2, 1)


def test_sentinels_have_a_name_for_the_primary_and_a_login_of_their_own() -> None:
    parsed = parse_url("redis+sentinel://:secret@s1,[::1]:7001/main/2?sentinel_password=other&tls=off")
    assert (parsed.kind, parsed.service) == ("sentinel", "main")
    assert parsed.hosts == (Host("s1", 26379), Host("::1", 7001))
    assert (parsed.login["password"], parsed.login["db"]) == ("secret", 2)
    assert parsed.sentinel_login == {"username": None, "password": "other"}
    assert parsed.display == "s1:26379,[::1]:7001/main"


@pytest.mark.parametrize("scheme", ["rediss", "rediss+cluster"])
def test_tls_is_strict_unless_told_otherwise(scheme: str) -> None:
    strict = parse_url(f"{scheme}://cache?ssl_ca_certs=/ca.pem").login
    assert (strict["ssl"], strict["ssl_cert_reqs"], strict["ssl_check_hostname"]) == (True, "required", True)
    assert strict["ssl_ca_certs"] == "/ca.pem"
    lax = parse_url(f"{scheme}://cache?ssl_cert_reqs=none").login
    assert (lax["ssl_cert_reqs"], lax["ssl_check_hostname"]) == ("none", False)
    assert not parse_url(f"{scheme}://cache?ssl_check_hostname=no").login["ssl_check_hostname"]


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
        parse_url(url)


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
        parse_url(url)
    assert CANARY not in f"{raised.value!r} {raised.value.__cause__!r}"


def test_a_password_is_in_no_repr() -> None:
    parsed: RedisUrl = parse_url(f"redis+sentinel://gate:{CANARY}@s/main?tls=off&sentinel_password={CANARY}")
    assert CANARY not in f"{parsed!r} {parsed.display}"


@pytest.mark.parametrize(
    ("url", "instead"),
    [
        ("redis://cache", "rediss://"),
        ("redis://127.evil.example", "rediss://"),
        ("redis+cluster://localhost,10.0.0.1", r"rediss\+cluster://"),
        ("redis+sentinel://[2001:db8::1]/main", r"rediss\+sentinel://"),
        ("redis://cache?tls=on", "rediss://"),
    ],
)
def test_beyond_this_machine_there_is_tls_or_the_url_is_refused(url: str, instead: str) -> None:
    with pytest.raises(ConfigurationError, match=f"without TLS: use {instead}.*tls=off"):
        parse_url(url)


def test_on_this_machine_no_tls_is_needed_and_beyond_it_a_word_permits_to_go_without() -> None:
    for url in ("redis://localhost", "redis://127.0.0.2", "redis://[::1]", "redis://", "rediss://cache"):
        assert parse_url(url).is_verified, url
    assert not parse_url("redis://cache?tls=off").is_verified
    assert not parse_url("rediss://cache?ssl_cert_reqs=none").is_verified
    with pytest.raises(ConfigurationError, match="unknown option: tls"):
        parse_url("rediss://cache?tls=off")
