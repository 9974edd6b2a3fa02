"""What a postgresql:// URL may contain, and what is never shown of it."""

import pytest

from gatepass.errors import ConfigurationError
from gatepass.stores import open_store
from gatepass.stores.postgres.store import PostgresStore
from gatepass.stores.postgres.url import CONNECTIONS, parse_url
from tests.support.nobody import without_home

CANARY = "canary-of-the-password"


def test_without_options_it_is_one_server_with_our_defaults() -> None:
    parsed = parse_url("postgresql://gate@db/app")
    assert parsed.dsn == "postgresql://gate@db/app"
    assert (parsed.schema, parsed.is_pooled, parsed.connections) == ("gatepass", False, CONNECTIONS)


def test_our_options_are_taken_out_and_the_driver_s_are_left() -> None:
    parsed = parse_url("postgres://gate@db/app?sslmode=require&schema=gate&pgbouncer=1&connections=7")
    assert parsed.dsn == "postgresql://gate@db/app?sslmode=require"
    assert (parsed.schema, parsed.is_pooled, parsed.connections) == ("gate", True, 7)


def test_a_pooler_gets_no_setting_at_connect() -> None:
    assert parse_url("postgresql://db/app?pgbouncer=1&synchronous_commit=off").dsn == "postgresql://db/app"
    assert "synchronous_commit=local" in parse_url("postgresql://db/app?synchronous_commit=local").dsn


def test_of_several_hosts_the_one_that_takes_writes_is_looked_for() -> None:
    assert parse_url("postgresql://one,two/app").is_cluster
    assert not parse_url("postgresql://one,two/app?target_session_attrs=any").is_cluster
    assert not parse_url("postgresql://one/app").is_cluster


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("schema=Gate", "schema="),
        ('schema=a"; DROP', "schema="),
        ("schema=", "schema="),
        ("pgbouncer=maybe", "pgbouncer="),
        ("connections=0", "connections="),
        ("connections=many", "connections="),
        ("nonsense", "URL"),
    ],
)
def test_a_bad_option_is_named_and_the_url_is_not_repeated(query: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as refused:
        parse_url(f"postgresql://gate:{CANARY}@db/app?{query}")
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("url", [f"postgresql://gate:{CANARY}#x@db/app", f"postgresql://gate:{CANARY}@[db/app"])
def test_a_url_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_store(url)
    assert CANARY not in str(refused.value)


def test_the_password_is_in_no_repr() -> None:
    store = open_store(f"postgresql://gate:{CANARY}@db/app")
    assert isinstance(store, PostgresStore)
    assert repr(store) == "PostgresStore(db/app)"
    assert CANARY not in repr(store._url)


def test_a_url_without_a_user_needs_a_user_that_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container with a random user id has none; the driver would raise KeyError."""
    without_home(monkeypatch)
    for named in ("postgresql://gate@db/app", "postgresql://db/app?user=gate", "postgresql://db/app?service=gate"):
        parse_url(named)
    with pytest.raises(ConfigurationError, match=r"names no user, .* postgresql://user@host/database"):
        parse_url("postgresql://db/app")
    monkeypatch.setenv("PGUSER", "gate")
    parse_url("postgresql://db/app")
