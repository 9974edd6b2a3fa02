"""What a postgresql:// URL may contain, and what is never shown of it."""

import pytest

from gatepass.errors import ConfigurationError
from gatepass.stores import open_store
from gatepass.stores.postgres.store import PostgresStore
from gatepass.stores.postgres.url import CONNECTIONS, parse_url
from tests.support.nobody import without_home

CANARY = "canary-of-the-password"


def test_without_options_it_is_one_server_with_our_defaults() -> None:
    parsed = parse_url("postgresql://gate@localhost/app")
    assert parsed.dsn == "postgresql://gate@localhost/app"
    assert (parsed.schema, parsed.is_pooled, parsed.connections) == ("gatepass", False, CONNECTIONS)


def test_our_options_are_taken_out_and_the_driver_s_are_left() -> None:
    parsed = parse_url("postgres://gate@db/app?sslmode=require&schema=gate&pgbouncer=1&connections=7")
    assert parsed.dsn == "postgresql://gate@db/app?sslmode=require"
    assert (parsed.schema, parsed.is_pooled, parsed.connections) == ("gate", True, 7)


def test_a_pooler_gets_no_setting_at_connect() -> None:
    assert (
        parse_url("postgresql://localhost/app?pgbouncer=1&synchronous_commit=off").dsn == "postgresql://localhost/app"
    )
    assert "synchronous_commit=local" in parse_url("postgresql://localhost/app?synchronous_commit=local").dsn


def test_of_several_hosts_the_one_that_takes_writes_is_looked_for() -> None:
    assert parse_url("postgresql://one,two/app?sslmode=require").is_cluster
    assert not parse_url("postgresql://one,two/app?sslmode=require&target_session_attrs=any").is_cluster
    assert not parse_url("postgresql://one/app?sslmode=require").is_cluster


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
    store = open_store(f"postgresql://gate:{CANARY}@db/app?sslmode=require")
    assert isinstance(store, PostgresStore)
    assert repr(store) == "PostgresStore(db/app)"
    assert CANARY not in repr(store._url)


@pytest.mark.parametrize("mode", ["", "?sslmode=prefer", "?sslmode=allow"])
@pytest.mark.parametrize("host", ["db", "10.0.0.1", "127.evil.example", "localhost,db:5433", "[2001:db8::1]:5432"])
def test_beyond_this_machine_tls_is_certain_or_the_url_is_refused(host: str, mode: str) -> None:
    with pytest.raises(ConfigurationError, match="sslmode=verify-full") as refused:
        parse_url(f"postgresql://gate:{CANARY}@{host}/app{mode}")
    assert CANARY not in str(refused.value)


def test_a_host_that_stands_in_an_option_or_in_the_environment_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="leads to db without"):
        parse_url("postgresql:///app?host=db")
    monkeypatch.setenv("PGHOST", "db")
    with pytest.raises(ConfigurationError, match="leads to db without"):
        parse_url("postgresql:///app")
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert parse_url("postgresql:///app").is_verified


@pytest.mark.parametrize("place", ["localhost", "127.0.0.1:5433", "[::1]", "%2Frun%2Fpostgresql", ""])
def test_on_this_machine_no_tls_is_needed(place: str) -> None:
    assert parse_url(f"postgresql://gate@{place}/app").is_verified
    assert parse_url("postgresql:///app?host=/run/postgresql").is_verified


def test_tls_or_the_word_that_permits_to_go_without_is_enough() -> None:
    verified = {mode: parse_url(f"postgresql://db/app?sslmode={mode}").is_verified
                for mode in ("disable", "require", "verify-ca", "verify-full")}  # fmt: skip
    assert verified == {"disable": False, "require": False, "verify-ca": False, "verify-full": True}


def test_a_url_without_a_user_needs_a_user_that_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container with a random user id has none; the driver would raise KeyError."""
    without_home(monkeypatch)
    for named in (
        "postgresql://gate@localhost/app",
        "postgresql://localhost/app?user=gate",
        "postgresql://localhost/app?service=gate",
    ):
        parse_url(named)
    with pytest.raises(ConfigurationError, match=r"names no user, .* postgresql://user@host/database"):
        parse_url("postgresql://localhost/app")
    monkeypatch.setenv("PGUSER", "gate")
    parse_url("postgresql://localhost/app")


@pytest.mark.parametrize("name", ["PGHOST", "PGSSLMODE", "PGUSER"])
def test_an_empty_variable_of_libpq_counts_as_not_given(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    without = parse_url("postgresql:///gate")
    monkeypatch.setenv(name, "")
    assert parse_url("postgresql:///gate") == without
    with pytest.raises(ConfigurationError, match="without certain TLS"):
        parse_url("postgresql://db/gate")
