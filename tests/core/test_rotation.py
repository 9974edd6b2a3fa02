"""The table of PROTOCOL §4, row by row and at its edges. What follows from all rows together: test_exploration.py."""

import hashlib
from dataclasses import replace

import pytest

from gatepass.core.binding import BindingKey
from gatepass.core.keyring import KeyRing
from gatepass.core.policy import Policy
from gatepass.core.refresh_token import Channel, RefreshToken, first_of, successor_of
from gatepass.core.rotation import (
    Advance,
    DeviceMissing,
    Ended,
    Late,
    Outcome,
    Recover,
    Repeat,
    Reuse,
    decide,
    expected_swap,
)
from gatepass.core.session import NO_BINDING, NO_FINGERPRINT, EndReason, Session
from tests.core.exploration.server import apply

NOW = 1_800_000_000
POLICY = Policy.standard()
KEYS = KeyRing([hashlib.sha256(b"secret").digest()])
OWNER, THIEF = BindingKey(b"o" * 32), BindingKey(b"t" * 32)


def begin(key: BindingKey | None) -> RefreshToken:
    return first_of(
        b"s" * 16,
        KEYS,
        channel=Channel.HOST,
        binding_key=key,
        nonce=b"n" * 16,
        parent=bytes(range(16)),
        now=NOW,
        expires_at=NOW + 1000,
    )


FIRST, BOUND = begin(None), begin(OWNER)


def signed_in(first: RefreshToken) -> Session:
    """The row of a sign-in that handed out `first`."""
    return Session(
        sid=first.sid,
        account_id="a",
        generation=-1,
        fingerprint=first.follows,
        binding=first.binding,
        previous=NO_FINGERPRINT,
        committed_at=NOW,
        created_at=NOW,
        expires_at=NOW + 1000,
        authenticated_at=NOW,
        methods=("pwd",),
        remember=True,
        client="",
        last_ip_prefix="",
    )


def child(
    token: RefreshToken, key: BindingKey | None = None, entropy: bytes = b"e", generation: int = 0
) -> RefreshToken:
    return successor_of(
        token,
        KEYS,
        generation=generation or token.generation + 1,
        binding_key=key,
        entropy=entropy * 16,
        now=NOW,
        expires_at=NOW + 1000,
    )


def line(first: RefreshToken, length: int) -> list[RefreshToken]:
    """Tokens, each issued for the one before; bound ones under the owner's key."""
    tokens = [first]
    while len(tokens) < length:
        tokens.append(child(tokens[-1], OWNER if first.is_bound else None))
    return tokens


def commit(row: Session, *tokens: RefreshToken, key: BindingKey | None = None) -> Session:
    """The row after all of these have been presented, unbound ones with `key`."""
    for token in tokens:
        after = apply(row, expected_swap(token, binding=binding(token, key), now=NOW))
        assert after is not None
        row = after
    return row


def binding(token: RefreshToken, key: BindingKey | None) -> bytes:
    """What the server takes as binding of a request: the token's, else that of the offered key."""
    return token.binding if token.is_bound else key.binding if key else NO_BINDING


def ask(session: Session | None, token: RefreshToken, key: BindingKey | None = None, now: int = NOW) -> Outcome:
    return decide(session, token, binding=binding(token, key), now=now, policy=POLICY)


def repeats(outcome: Outcome, *, with_access_token: bool) -> bool:
    return isinstance(outcome, Repeat) and outcome.with_access_token == with_access_token


AGES = [(0, True), (POLICY.leeway, True), (POLICY.leeway + 1, False), (-1, False), (900, False)]


class TestEnded:
    """The session is over for every caller and every token."""

    def test_an_absent_row_is_unknown(self) -> None:
        assert {ask(None, FIRST), ask(None, BOUND)} == {Ended("unknown")}

    @pytest.mark.parametrize("reason", ["revoked", "replaced", "reused"])
    def test_a_revoked_row_says_why(self, reason: EndReason) -> None:
        row = replace(signed_in(BOUND), revoked_at=NOW, revoke_reason=reason)
        assert ask(row, BOUND) == Ended(reason)

    def test_a_revoked_row_without_a_reason_was_revoked(self) -> None:
        assert ask(replace(signed_in(FIRST), revoked_at=NOW), FIRST) == Ended("revoked")

    @pytest.mark.parametrize("first", [FIRST, BOUND], ids=["unbound", "bound"])
    def test_the_second_of_expiry_is_over_and_the_one_before_is_not(self, first: RefreshToken) -> None:
        row = signed_in(first)
        assert ask(row, first, now=row.expires_at) == Ended("expired")
        assert isinstance(ask(row, first, now=row.expires_at - 1), Advance)

    def test_a_revoked_row_stays_revoked_after_its_expiry(self) -> None:
        row = replace(signed_in(FIRST), revoked_at=NOW, revoke_reason="replaced")
        assert ask(row, FIRST, now=row.expires_at + 1) == Ended("replaced")


class TestBound:
    """The row of a bound session is a counter: forward, or the same again."""

    def test_the_first_refresh_is_like_every_other(self) -> None:
        row = signed_in(BOUND)
        for token in line(BOUND, 4):
            assert ask(row, token) == Advance(expected_swap(token, binding=token.binding, now=NOW))
            row = commit(row, token)
        assert (row.generation, row.binding, row.previous) == (3, BOUND.binding, NO_FINGERPRINT)

    @pytest.mark.parametrize("lost", range(1, 30))
    def test_any_number_of_lost_swaps_is_made_up_for(self, lost: int) -> None:
        tokens = line(BOUND, lost + 3)
        row, ahead = commit(signed_in(BOUND), *tokens[:2]), tokens[-1]
        outcome = ask(row, ahead)
        assert isinstance(outcome, Advance)
        after = apply(row, outcome.swap)
        assert after is not None
        assert (after.generation, after.fingerprint) == (ahead.generation, ahead.fingerprint)

    @pytest.mark.parametrize(("age", "timely"), AGES)
    def test_the_committed_token_again_brings_an_access_token_within_the_leeway(self, age: int, timely: bool) -> None:
        assert repeats(ask(commit(signed_in(BOUND), BOUND), BOUND, now=NOW + age), with_access_token=timely)

    @pytest.mark.parametrize("back", [1, 2, 16, 17, 500])
    def test_a_jar_that_is_put_back_by_any_depth_is_handed_the_newest_token(self, back: int) -> None:
        tokens = line(BOUND, back + 1)
        row = commit(signed_in(BOUND), *tokens)
        assert repeats(ask(row, tokens[0]), with_access_token=False)
        newest = child(tokens[0], OWNER, generation=row.generation + 1)
        assert isinstance(ask(row, newest), Advance)

    def test_a_row_that_is_bound_to_another_key_is_reuse(self) -> None:
        """A thief of the unbound token bound the session as well, after the store had lost the owner's binding."""
        row = commit(signed_in(FIRST), FIRST, key=THIEF)
        assert ask(row, child(FIRST, OWNER)) == Reuse()
        assert ask(row, child(FIRST, OWNER, generation=9)) == Reuse()

    def test_a_row_that_lost_the_binding_takes_it_from_the_token(self) -> None:
        outcome = ask(signed_in(FIRST), child(FIRST, OWNER))
        assert isinstance(outcome, Advance)
        assert outcome.swap.binding == OWNER.binding
        assert outcome.swap.expected_binding == NO_BINDING

    def test_an_unbound_row_as_far_as_the_token_is_reuse(self) -> None:
        """Since the store lost the binding, another party has gone on without a key."""
        row = commit(signed_in(FIRST), *line(FIRST, 2))
        assert ask(row, child(FIRST, OWNER)) == Reuse()


class TestBinding:
    """The key that a refresh of an unbound token offers."""

    def test_it_is_recorded_with_the_token_that_it_came_with(self) -> None:
        outcome = ask(signed_in(FIRST), FIRST, OWNER)
        assert outcome == Advance(expected_swap(FIRST, binding=OWNER.binding, now=NOW))
        assert commit(signed_in(FIRST), FIRST, key=OWNER).binding == OWNER.binding

    @pytest.mark.parametrize(("age", "timely"), AGES)
    def test_the_same_request_again_repeats(self, age: int, timely: bool) -> None:
        row = commit(signed_in(FIRST), FIRST, key=OWNER)
        assert repeats(ask(row, FIRST, OWNER, NOW + age), with_access_token=timely)

    @pytest.mark.parametrize("key", [None, THIEF])
    def test_the_same_token_under_another_key_or_none_is_reuse(self, key: BindingKey | None) -> None:
        assert ask(commit(signed_in(FIRST), FIRST, key=OWNER), FIRST, key) == Reuse()

    def test_a_key_for_what_was_committed_without_one_is_reuse(self) -> None:
        assert ask(commit(signed_in(FIRST), FIRST), FIRST, OWNER) == Reuse()

    def test_a_token_from_before_the_binding_repeats_under_the_key_without_an_access_token(self) -> None:
        tokens = line(FIRST, 3)
        row = commit(commit(signed_in(FIRST), *tokens[:2]), tokens[2], key=OWNER)
        assert repeats(ask(row, tokens[0], OWNER), with_access_token=False)
        assert ask(row, tokens[0]) == Reuse()
        assert ask(row, tokens[0], THIEF) == Reuse()

    @pytest.mark.parametrize("key", [None, OWNER, THIEF])
    def test_an_unbound_token_newer_than_a_bound_row_is_reuse(self, key: BindingKey | None) -> None:
        """It was issued to a client without a key; the store forgot it, and the owner has bound the session."""
        row = commit(signed_in(FIRST), FIRST, key=OWNER)
        for token in (child(FIRST), child(child(FIRST)), child(child(child(FIRST)))):
            assert ask(row, token, key) == Reuse()

    def test_the_usual_swap_of_an_unbound_token_does_not_apply_to_a_bound_row(self) -> None:
        row = commit(signed_in(FIRST), FIRST, key=OWNER)
        assert apply(row, expected_swap(child(FIRST), binding=NO_BINDING, now=NOW)) is None


class TestUnbound:
    """One line of tokens: its next point advances, its newest point repeats, and what is off it is reuse."""

    def test_the_expected_successor_commits(self) -> None:
        row = signed_in(FIRST)
        for token in line(FIRST, 3):
            assert ask(row, token) == Advance(expected_swap(token, binding=NO_BINDING, now=NOW))
            row = commit(row, token)
        assert row.previous == line(FIRST, 2)[1].fingerprint

    @pytest.mark.parametrize(("age", "timely"), AGES)
    def test_the_committed_token_repeats(self, age: int, timely: bool) -> None:
        assert repeats(ask(commit(signed_in(FIRST), FIRST), FIRST, now=NOW + age), with_access_token=timely)

    def test_a_right_generation_with_another_parent_is_reuse(self) -> None:
        sibling = child(replace(FIRST, nonce=b"x" * 16))
        assert ask(commit(signed_in(FIRST), FIRST), sibling) == Reuse()

    @pytest.mark.parametrize("lost", range(1, 30))
    def test_any_number_of_lost_swaps_is_made_up_for(self, lost: int) -> None:
        tokens = line(FIRST, lost + 3)
        row, ahead = commit(signed_in(FIRST), *tokens[:2]), tokens[-1]
        outcome = ask(row, ahead)
        assert isinstance(outcome, Recover)
        after = apply(row, outcome.swap)
        assert after is not None
        assert (after.generation, after.fingerprint) == (ahead.generation, ahead.fingerprint)
        assert after.previous == NO_FINGERPRINT

    def test_one_more_than_the_row_is_advance_or_reuse_but_never_recover(self) -> None:
        tokens = line(FIRST, 3)
        row = signed_in(FIRST)
        assert isinstance(ask(commit(row, *tokens[:2]), tokens[2]), Advance)
        assert ask(commit(row, FIRST, child(FIRST, entropy=b"x")), tokens[2]) == Reuse()

    @pytest.mark.parametrize(
        ("age", "outcome"), [(0, Late()), (POLICY.leeway, Late()), (POLICY.leeway + 1, Reuse()), (-1, Reuse())]
    )
    def test_what_lost_a_race_is_late_within_the_leeway(self, age: int, outcome: Outcome) -> None:
        winner, loser = child(FIRST, entropy=b"w"), child(FIRST, entropy=b"l")
        row = commit(signed_in(FIRST), FIRST, winner)
        assert ask(row, FIRST, now=NOW + age) == outcome
        assert ask(row, loser, now=NOW + age) == outcome

    def test_an_older_token_is_reuse_at_once(self) -> None:
        tokens = line(FIRST, 3)
        assert ask(commit(signed_in(FIRST), *tokens), FIRST) == Reuse()

    def test_a_request_that_offers_a_key_is_never_late(self) -> None:
        assert ask(commit(signed_in(FIRST), *line(FIRST, 2)), FIRST, THIEF) == Reuse()

    def test_after_a_recovery_nothing_is_late(self) -> None:
        tokens = line(FIRST, 4)
        outcome = ask(signed_in(FIRST), tokens[3])
        assert isinstance(outcome, Recover)
        row = apply(signed_in(FIRST), outcome.swap)
        assert ask(row, tokens[2]) == Reuse()


def test_every_way_forward_names_its_session_and_where_the_request_came_from() -> None:
    cases = ((FIRST, FIRST, Advance), (FIRST, line(FIRST, 4)[3], Recover), (BOUND, line(BOUND, 4)[3], Advance))
    for first, token, kind in cases:
        outcome = decide(
            signed_in(first), token, binding=token.binding, now=NOW, policy=POLICY, ip_prefix="192.0.2.0/24"
        )
        assert isinstance(outcome, kind)
        assert isinstance(outcome, Advance | Recover)
        assert (outcome.swap.sid, outcome.swap.ip_prefix) == (first.sid, "192.0.2.0/24")


def test_a_repeat_is_answered_from_the_row_as_it_is() -> None:
    row = commit(signed_in(BOUND), *line(BOUND, 3))
    outcome = ask(row, BOUND)
    assert isinstance(outcome, Repeat)
    assert outcome.session is row


@pytest.mark.parametrize("first", [FIRST, BOUND], ids=["unbound", "bound"])
def test_a_session_with_a_device_answers_nothing_without_it(first: RefreshToken) -> None:
    """Whatever is presented: nothing is written, nothing issued, and the session does not end (DB-06)."""
    second = child(first, OWNER if first.is_bound else None)
    for token in (first, second, child(second, OWNER if first.is_bound else None)):
        for row in (signed_in(first), commit(signed_in(first), first)):
            held = replace(row, device_key=b"key", device_since=NOW)
            without = decide(held, token, binding=token.binding, now=NOW, policy=POLICY)
            assert without == DeviceMissing()
            with_it = decide(held, token, binding=token.binding, now=NOW, policy=POLICY, shown_device=True)
            plain = decide(row, token, binding=token.binding, now=NOW, policy=POLICY, shown_device=True)
            assert type(with_it) is type(plain)


def test_a_device_that_has_proven_nothing_yet_is_not_asked_for() -> None:
    """Its browser may never have got the answer to the registration (P1)."""
    row = replace(signed_in(BOUND), device_key=b"key")
    assert isinstance(decide(row, BOUND, binding=BOUND.binding, now=NOW, policy=POLICY), Advance)


def test_the_swap_of_the_usual_case_says_whether_the_device_was_shown() -> None:
    """So that a store applies it to no session whose device is missing, with no row read."""
    assert not expected_swap(BOUND, binding=BOUND.binding, now=NOW).shown_device
    assert expected_swap(BOUND, binding=BOUND.binding, now=NOW, shown_device=True).shown_device


def test_an_end_comes_before_the_question_for_the_device() -> None:
    """A browser that is told that its session is over must not go on looking for its key."""
    row = replace(signed_in(BOUND), device_key=b"key", device_since=NOW, revoked_at=NOW, revoke_reason="replaced")
    assert decide(row, BOUND, binding=BOUND.binding, now=NOW, policy=POLICY) == Ended("replaced")
