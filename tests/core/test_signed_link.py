"""Tokens of links to one path: authentic, for one target, for a time, and nothing else is one."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.core.keyring import KeyRing
from gatepass.core.signed_link import MAX_LENGTH, PREFIX, compose, parse, target_of
from gatepass.core.strict_json import Json
from gatepass.errors import InvalidToken

OLD, NEW = bytes(range(32)), bytes(range(100, 132))
KEYS = KeyRing([OLD])
NOW = 1_800_000_000
TARGET = target_of("/files/7", "size=large")
CLAIMS: dict[str, Json] = {"sub": "ann", "sid": "a" * 32, "auth_time": NOW, "iat": NOW, "exp": NOW + 600}
TEXT = compose(CLAIMS, target=TARGET, keys=KEYS)


def reason_of(text: str, *, target: bytes = TARGET, keys: KeyRing = KEYS, now: int = NOW) -> str | None:
    with pytest.raises(InvalidToken) as caught:
        parse(text, target=target, keys=keys, now=now)
    return str(caught.value.facts.get("reason", "")) or None


def test_what_was_composed_is_read_again() -> None:
    principal = parse(TEXT, target=TARGET, keys=KEYS, now=NOW + 599)
    assert (principal.account_id, principal.session_id, principal.expires_at) == ("ann", "a" * 32, NOW + 600)
    assert principal.by_link


def test_a_link_that_stands_in_a_page_opens_after_an_update_too() -> None:
    """Written down once: another layout, or another way to its MAC, would break every image on the screen."""
    text = PREFIX + (
        "AVWAILHbi5yMcxT8Ej4QvdD6eyJzdWIiOiJhbm4iLCJzaWQiOiJhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYW"
        "FhYSIsImF1dGhfdGltZSI6MTgwMDAwMDAwMCwiaWF0IjoxODAwMDAwMDAwLCJleHAiOjE4MDAwMDA2MDB9Ql6OCxEd"
        "IreRwjg86xWlmoVrtmnOQqdPRQH6ThheKug"
    )
    assert parse(text, target=TARGET, keys=KEYS, now=NOW).account_id == "ann"


def test_one_of_another_target_says_so_and_so_does_one_that_has_expired() -> None:
    assert reason_of(TEXT, target=target_of("/files/8", "size=large")) == "link-elsewhere"
    assert reason_of(TEXT, now=NOW + 600) == "link-expired"


def test_a_new_secret_opens_what_the_old_one_has_signed_and_without_the_old_one_nothing_does() -> None:
    assert parse(TEXT, target=TARGET, keys=KeyRing([NEW, OLD]), now=NOW).account_id == "ann"
    assert reason_of(TEXT, keys=KeyRing([NEW])) is None


def test_no_changed_character_is_accepted() -> None:
    for place in range(len(PREFIX), len(TEXT)):
        for other in "A", "B", "_":
            if TEXT[place] != other:
                assert reason_of(TEXT[:place] + other + TEXT[place + 1 :]) is None


@pytest.mark.parametrize("text", ["", PREFIX, "gp_vt_" + "A" * 100, PREFIX + "A" * 3000, TEXT + "=", TEXT[:-1], "ünï"])
def test_what_is_no_link_says_nothing(text: str) -> None:
    assert reason_of(text) is None


@pytest.mark.parametrize("claims", [{"sub": "ann"}, {**CLAIMS, "exp": "soon"}, {**CLAIMS, "sid": ""}])
def test_claims_that_are_none_open_nothing(claims: dict[str, Json]) -> None:
    reason_of(compose(claims, target=TARGET, keys=KEYS))


def test_claims_that_make_an_address_too_long_are_refused_where_the_link_is_made() -> None:
    with pytest.raises(ValueError, match=str(MAX_LENGTH)):
        compose({**CLAIMS, "roles": "x" * MAX_LENGTH}, target=TARGET, keys=KEYS)


def test_who_is_signed_in_cannot_be_read_as_anything_but_ids() -> None:
    body = base64.urlsafe_b64decode(TEXT[len(PREFIX) :] + "==")
    assert b"@" not in body


texts = st.text(st.characters(codec="utf-8", exclude_characters="&=+%#;"), max_size=8)


@given(texts, texts, texts, texts)
def test_no_two_addresses_have_one_target(one: str, other: str, name: str, value: str) -> None:
    assert (target_of(f"/{one}", "") == target_of(f"/{other}", "")) == (one == other)
    assert target_of(f"/{one}", f"{name}={value}") != target_of(f"/{one}{name}{value}", "")


@pytest.mark.parametrize("spelling", ["q=a+b&x=%7E", "q=a%20b&x=~"])
def test_a_proxy_may_spell_a_query_in_another_way(spelling: str) -> None:
    assert target_of("/", spelling) == target_of("/", "q=a b&x=~")


@pytest.mark.parametrize("changed", ["x=1&q=2", "q=2", "q=2&x=1&x=1", "q=2&x=1&utm_source=mail"])
def test_but_not_say_another_one(changed: str) -> None:
    assert target_of("/", changed) != target_of("/", "q=2&x=1")
