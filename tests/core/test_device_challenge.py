"""Challenges and cookies of device-bound sessions are known again without having been stored (DB-01, DB-05, DB-08)."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.core.device_challenge import (
    CHALLENGE_TTL,
    COOKIE_TTL,
    compose_challenge,
    compose_cookie,
    cookie_ttl,
    is_challenge,
    judge_cookie,
)
from gatepass.core.keyring import KeyRing
from gatepass.core.policy import Policy

OLD, NEW = (hashlib.sha256(name).digest() for name in (b"old", b"new"))
KEYS = KeyRing([OLD])
SID, OTHER_SID = b"s" * 16, b"t" * 16
NOW = 1_800_000_000


def challenge(nonce: bytes = b"n" * 16, now: int = NOW) -> str:
    return compose_challenge(KEYS, purpose="refresh", sid=SID, now=now, nonce=nonce)


def holds(text: str, *, keys: KeyRing = KEYS, sid: bytes = SID, now: int = NOW) -> bool:
    return is_challenge(text, keys, purpose="refresh", sid=sid, now=now)


def test_a_challenge_is_new_each_time_and_holds_again_and_again_until_it_expires() -> None:
    first, second = challenge(), challenge(b"m" * 16)
    assert first != second
    assert all(holds(text, now=now) for text in (first, second) for now in (NOW, NOW + CHALLENGE_TTL - 1))
    assert not holds(first, now=NOW + CHALLENGE_TTL)
    assert not holds(first, now=NOW - 1), "made by a clock that is ahead of any of ours"


def test_a_challenge_is_for_one_session_and_one_purpose() -> None:
    assert not holds(challenge(), sid=OTHER_SID)
    assert not is_challenge(challenge(), KEYS, purpose="register", sid=SID, now=NOW)


def test_a_cookie_is_for_one_session_and_until_its_end() -> None:
    cookie = compose_cookie(KEYS, sid=SID, expires_at=NOW + COOKIE_TTL)
    assert judge_cookie(cookie, KEYS, sid=SID, now=NOW + COOKIE_TTL - 1) == "valid"
    assert judge_cookie(cookie, KEYS, sid=SID, now=NOW + COOKIE_TTL) == "invalid"
    assert judge_cookie(cookie, KEYS, sid=OTHER_SID, now=NOW) == "invalid"


@pytest.mark.parametrize("secrets", [[OLD, NEW], [NEW, OLD]])
def test_both_survive_a_change_of_secrets(secrets: list[bytes]) -> None:
    """And where its secret has not arrived yet, a cookie is not called wrong: that would end a session (P1)."""
    ring = KeyRing(secrets)
    assert holds(challenge(), keys=ring)
    cookie = compose_cookie(KEYS, sid=SID, expires_at=NOW + 9)
    assert judge_cookie(cookie, ring, sid=SID, now=NOW) == "valid"
    assert judge_cookie(cookie, KeyRing([NEW]), sid=SID, now=NOW) == "unknown-key"
    assert not holds(challenge(), keys=KeyRing([NEW]))


@given(st.data())
def test_no_character_can_be_changed(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([challenge(), compose_cookie(KEYS, sid=SID, expires_at=NOW + 9)]))
    where = data.draw(st.integers(0, len(text) - 1))
    changed = text[:where] + data.draw(st.sampled_from("ABCz09-_.=")) + text[where + 1 :]
    if changed != text:
        assert not holds(changed)
        assert judge_cookie(changed, KEYS, sid=SID, now=NOW) != "valid"


@given(st.text(max_size=80))
def test_garbage_is_neither(text: str) -> None:
    assert not holds(text)
    assert judge_cookie(text, KEYS, sid=SID, now=NOW) == "invalid"


def test_a_cookie_lives_longer_than_browsers_need_to_renew_it_within_their_quota() -> None:
    """Chromium renews it while less than two minutes are left, and signs six times in nine minutes."""
    assert 9 * 60 / (COOKIE_TTL - 120) < 6
    assert cookie_ttl(Policy.standard()) == cookie_ttl(Policy.strict()) == COOKIE_TTL
    assert cookie_ttl(Policy.demo()) == 10
