"""The table of PROTOCOL §4, row by row and at its edges. What follows from all rows together: test_exploration.py."""

import hashlib
from dataclasses import replace

import pytest

from gatepass.core.keyring import KeyRing
from gatepass.core.policy import Policy
from gatepass.core.refresh_token import RefreshToken, hash_key, successor_of
from gatepass.core.rotation import Advance, Ended, Late, Outcome, Recover, Repeat, Reuse, decide, expected_swap
from gatepass.core.session import (
    MAX_ANCESTORS,
    NO_KEY,
    UNKNOWN_FINGERPRINT,
    UNKNOWN_KEY,
    Ancestor,
    EndReason,
    Session,
)
from tests.core.exploration.server import apply

NOW = 1_800_000_000
POLICY = Policy.standard()
OLD, NEW = (hashlib.sha256(name).digest() for name in (b"old", b"new"))
KEYS = KeyRing([OLD, NEW])
ROLLED = KeyRing([NEW, OLD])
SIGN_IN = bytes(range(16))
FIRST = RefreshToken(
    key_id=KEYS.current.key_id,
    sid=b"s" * 16,
    generation=0,
    nonce=b"n" * 16,
    parent=SIGN_IN,
    issued_at=NOW,
    expires_at=NOW + 1000,
)
SIGNED_IN = Session(
    sid=FIRST.sid,
    account_id="a",
    generation=-1,
    fingerprint=SIGN_IN,
    key_hash=NO_KEY,
    committed_at=NOW,
    ancestors=(),
    created_at=NOW,
    expires_at=NOW + 1000,
    authenticated_at=NOW,
    remember=True,
    client="",
    last_ip_prefix="",
)


def own_key(token: RefreshToken) -> bytes:
    """The owner's key for a token: always the same for the same token."""
    return hash_key(f"{token.generation}.owner")


def thief_key(token: RefreshToken) -> bytes:
    return hash_key(f"{token.generation}.thief")


def child(token: RefreshToken, key: bytes | None, entropy: bytes = b"e" * 16, keys: KeyRing = KEYS) -> RefreshToken:
    return successor_of(token, keys, key_hash=key, entropy=entropy, now=NOW, expires_at=NOW + 1000)


def line(length: int, *, keyed: bool = True) -> list[RefreshToken]:
    """The owner's tokens, each issued for the one before."""
    tokens = [FIRST]
    while len(tokens) < length:
        tokens.append(child(tokens[-1], own_key(tokens[-1]) if keyed else None))
    return tokens


def committed(tokens: list[RefreshToken], *, keyed: bool = True, at: int = NOW) -> Session:
    """The row after all of these have been presented, the last one at `at`."""
    row = SIGNED_IN
    for token in tokens:
        swap = expected_swap(token, key_hash=own_key(token) if keyed else None, now=at)
        after = apply(row, swap, MAX_ANCESTORS)
        assert after is not None
        row = after
    return row


def ask(session: Session | None, token: RefreshToken, key: bytes | None, now: int = NOW) -> Outcome:
    return decide(session, token, key_hash=key, now=now, policy=POLICY)


def repeats(outcome: Outcome, *, with_access_token: bool) -> bool:
    return isinstance(outcome, Repeat) and outcome.with_access_token == with_access_token


class TestEnded:
    """The session is over, whoever asks with whatever."""

    def test_an_absent_row_is_unknown(self) -> None:
        assert ask(None, FIRST, own_key(FIRST)) == Ended("unknown")

    @pytest.mark.parametrize("reason", ["revoked", "replaced", "reused"])
    def test_a_revoked_row_says_why(self, reason: EndReason) -> None:
        row = replace(SIGNED_IN, revoked_at=NOW, revoke_reason=reason)
        assert ask(row, FIRST, own_key(FIRST)) == Ended(reason)

    def test_the_second_of_expiry_is_over_and_the_one_before_is_not(self) -> None:
        assert ask(SIGNED_IN, FIRST, None, SIGNED_IN.expires_at) == Ended("expired")
        assert isinstance(ask(SIGNED_IN, FIRST, None, SIGNED_IN.expires_at - 1), Advance)

    def test_a_revoked_row_stays_revoked_after_its_expiry(self) -> None:
        row = replace(SIGNED_IN, revoked_at=NOW, revoke_reason="replaced")
        assert ask(row, FIRST, None, row.expires_at + 1) == Ended("replaced")


class TestAdvance:
    """The expected successor commits."""

    @pytest.mark.parametrize("keyed", [True, False])
    def test_the_first_refresh_is_like_every_other(self, keyed: bool) -> None:
        row, tokens = SIGNED_IN, line(4, keyed=keyed)
        for token in tokens:
            key = own_key(token) if keyed else None
            outcome = ask(row, token, key)
            assert outcome == Advance(expected_swap(token, key_hash=key, now=NOW))
            row = committed(tokens[: token.generation + 1], keyed=keyed)
            assert row.key_hash == (key or NO_KEY)
        assert [ancestor.fingerprint for ancestor in row.ancestors] == [
            *(token.fingerprint for token in reversed(tokens[:-1])),
            SIGN_IN,
        ]

    def test_a_keyless_client_may_become_keyed_and_back(self) -> None:
        first, second = line(2)
        assert isinstance(ask(committed([first]), second, None), Advance)
        assert isinstance(ask(committed([first], keyed=False), child(first, None), own_key(second)), Advance)

    def test_a_right_generation_with_another_parent_is_reuse(self) -> None:
        sibling = child(replace(FIRST, nonce=b"x" * 16), own_key(FIRST))
        assert ask(committed([FIRST]), sibling, own_key(sibling)) == Reuse()


class TestRepeat:
    """The same request again brings the same successor, and an access token only at once."""

    @pytest.mark.parametrize("keyed", [True, False])
    @pytest.mark.parametrize(
        ("age", "timely"), [(0, True), (POLICY.leeway, True), (POLICY.leeway + 1, False), (-1, False), (900, False)]
    )
    def test_the_leeway_decides_about_the_access_token_alone(self, keyed: bool, age: int, timely: bool) -> None:
        row = committed([FIRST], keyed=keyed)
        key = own_key(FIRST) if keyed else None
        assert repeats(ask(row, FIRST, key, NOW + age), with_access_token=timely)

    @pytest.mark.parametrize("generation", range(5))
    def test_an_ancestor_under_its_own_key_repeats_without_access_token(self, generation: int) -> None:
        tokens = line(6)
        old = tokens[generation]
        assert repeats(ask(committed(tokens), old, own_key(old)), with_access_token=False)

    @pytest.mark.parametrize("key", [None, thief_key(FIRST)])
    def test_the_committed_token_under_another_key_is_reuse(self, key: bytes | None) -> None:
        assert ask(committed([FIRST]), FIRST, key) == Reuse()

    def test_a_key_for_what_was_committed_without_one_is_reuse(self) -> None:
        assert ask(committed([FIRST], keyed=False), FIRST, own_key(FIRST)) == Reuse()

    @pytest.mark.parametrize("key", [None, thief_key(FIRST)])
    def test_an_ancestor_under_another_key_is_reuse(self, key: bytes | None) -> None:
        assert ask(committed(line(3)), FIRST, key) == Reuse()

    def test_the_sixteenth_ancestor_repeats_and_the_seventeenth_is_reuse(self) -> None:
        tokens = line(MAX_ANCESTORS + 2)
        row = committed(tokens)
        oldest, older = tokens[1], tokens[0]
        assert repeats(ask(row, oldest, own_key(oldest)), with_access_token=False)
        assert ask(row, older, own_key(older)) == Reuse()

    def test_an_ancestor_of_any_age_under_no_key_is_reuse(self) -> None:
        tokens = line(60)
        assert {ask(committed(tokens), token, None) for token in tokens} == {Reuse()}

    def test_keyless_ancestors_never_repeat(self) -> None:
        tokens = line(4, keyed=False)
        assert ask(committed(tokens, keyed=False), tokens[0], None, NOW + 60) == Reuse()


class TestRecover:
    """A token ahead of the row proves that the store lost writes."""

    @pytest.mark.parametrize("lost", range(1, 30))
    def test_any_number_of_lost_swaps_is_made_up_for(self, lost: int) -> None:
        tokens = line(lost + 3)
        row, ahead = committed(tokens[:2]), tokens[-1]
        outcome = ask(row, ahead, own_key(ahead))
        assert isinstance(outcome, Recover)
        after = apply(row, outcome.swap, MAX_ANCESTORS)
        assert after is not None
        assert (after.generation, after.fingerprint, after.key_hash) == (
            ahead.generation,
            ahead.fingerprint,
            own_key(ahead),
        )
        assert after.ancestors[0] == Ancestor(ahead.parent, UNKNOWN_KEY)
        assert len(after.ancestors) == min(MAX_ANCESTORS, ahead.generation + 1)

    @pytest.mark.parametrize("lost", range(1, 6))
    def test_every_token_of_the_gap_still_repeats(self, lost: int) -> None:
        """A jar that is put back into the gap by a crash, or a late request from it, is no theft."""
        tokens = line(lost + 3)
        row, ahead = committed(tokens[:2]), tokens[-1]
        outcome = ask(row, ahead, own_key(ahead))
        assert isinstance(outcome, Recover)
        after = apply(row, outcome.swap, MAX_ANCESTORS)
        for old in tokens[:-1]:
            assert repeats(ask(after, old, own_key(old)), with_access_token=False), old

    def test_one_more_than_the_row_is_advance_or_reuse_but_never_recover(self) -> None:
        tokens = line(3)
        assert isinstance(ask(committed(tokens[:2]), tokens[2], None), Advance)
        assert ask(committed([tokens[0], child(tokens[0], None)]), tokens[2], None) == Reuse()

    def test_an_unknown_key_matches_every_key_but_not_no_key(self) -> None:
        row = replace(committed(line(2)), ancestors=(Ancestor(FIRST.fingerprint, UNKNOWN_KEY),))
        assert repeats(ask(row, FIRST, thief_key(FIRST)), with_access_token=False)
        assert ask(row, FIRST, None, NOW + 60) == Reuse()

    def test_a_lost_generation_stands_for_one_place_in_the_line_only(self) -> None:
        tokens = line(4)
        row = committed(tokens)
        lost = (row.ancestors[0], Ancestor(UNKNOWN_FINGERPRINT, UNKNOWN_KEY), *row.ancestors[2:])
        stranger = child(replace(FIRST, nonce=b"x" * 16), own_key(FIRST))
        assert repeats(ask(replace(row, ancestors=lost), stranger, own_key(stranger)), with_access_token=False)
        older = replace(FIRST, nonce=b"y" * 16)
        assert ask(replace(row, ancestors=lost), older, own_key(older)) == Reuse()


class TestLate:
    """Keyless clients that lost a race are told so, within the leeway."""

    @pytest.mark.parametrize(
        ("age", "outcome"), [(0, Late()), (POLICY.leeway, Late()), (POLICY.leeway + 1, Reuse()), (-1, Reuse())]
    )
    def test_the_newest_ancestor_and_its_other_children_are_late_within_the_leeway(
        self, age: int, outcome: Outcome
    ) -> None:
        winner, loser = child(FIRST, None, b"w" * 16), child(FIRST, None, b"l" * 16)
        row = committed([FIRST, winner], keyed=False)
        assert ask(row, FIRST, None, NOW + age) == outcome
        assert ask(row, loser, None, NOW + age) == outcome

    def test_an_older_ancestor_is_reuse_at_once(self) -> None:
        tokens = line(3, keyed=False)
        assert ask(committed(tokens, keyed=False), tokens[0], None) == Reuse()

    def test_a_keyed_request_is_never_late(self) -> None:
        assert ask(committed(line(2, keyed=False), keyed=False), FIRST, thief_key(FIRST)) == Reuse()

    def test_nobody_is_late_against_a_keyed_refresh(self) -> None:
        tokens = line(2, keyed=False)
        row = apply(
            committed(tokens[:1], keyed=False), expected_swap(tokens[1], key_hash=own_key(tokens[1]), now=NOW), 16
        )
        assert ask(row, FIRST, None) == Reuse()

    def test_a_thief_without_key_is_not_late_for_the_first_refresh_of_a_keyed_session(self) -> None:
        """The sign-in's own entry has no key; it must not make a keyed conflict look like a keyless race."""
        assert ask(committed([FIRST]), FIRST, None) == Reuse()


class TestRollOut:
    """While secrets change, one token exists in two copies; they must have one future."""

    def test_a_token_has_one_successor_whoever_signed_its_copies(self) -> None:
        copies = [child(FIRST, own_key(FIRST), keys=ring) for ring in (KEYS, ROLLED)]
        assert copies[0].key_id != copies[1].key_id
        assert copies[0].fingerprint == copies[1].fingerprint
        key = own_key(copies[0])
        assert child(copies[0], key).fingerprint == child(copies[1], key).fingerprint

    def test_a_jar_put_back_before_the_roll_out_walks_forward_without_a_logout(self) -> None:
        tokens = line(3)
        row = committed(tokens)
        token = FIRST
        for _ in tokens[:-1]:
            assert repeats(ask(row, token, own_key(token)), with_access_token=False)
            token = child(token, own_key(token), keys=ROLLED)
        assert repeats(ask(row, token, own_key(token)), with_access_token=True)


def test_a_swap_names_its_session_and_where_the_request_came_from() -> None:
    swap = expected_swap(FIRST, key_hash=None, now=NOW, ip_prefix="192.0.2.0/24")
    assert (swap.sid, swap.ip_prefix) == (FIRST.sid, "192.0.2.0/24")
    assert expected_swap(FIRST, key_hash=None, now=NOW).ip_prefix == ""


def test_every_way_forward_names_its_session_and_where_the_request_came_from() -> None:
    tokens = line(4)
    for token, kind in ((tokens[0], Advance), (tokens[3], Recover)):
        outcome = decide(SIGNED_IN, token, key_hash=None, now=NOW, policy=POLICY, ip_prefix="192.0.2.0/24")
        assert isinstance(outcome, kind)
        assert isinstance(outcome, Advance | Recover)
        assert (outcome.swap.sid, outcome.swap.ip_prefix) == (FIRST.sid, "192.0.2.0/24")


def test_a_repeat_is_answered_from_the_row_as_it_is() -> None:
    tokens = line(2)
    row: Session | None = SIGNED_IN
    for token in tokens:
        assert row is not None
        row = apply(row, expected_swap(token, key_hash=own_key(token), now=NOW), MAX_ANCESTORS)
    for token in tokens:
        outcome = decide(row, token, key_hash=own_key(token), now=NOW, policy=POLICY)
        assert isinstance(outcome, Repeat)
        assert outcome.session is row


def test_a_revoked_session_without_a_reason_was_revoked() -> None:
    row = replace(SIGNED_IN, revoked_at=NOW, revoke_reason=None)
    assert decide(row, FIRST, key_hash=None, now=NOW, policy=POLICY) == Ended("revoked")
