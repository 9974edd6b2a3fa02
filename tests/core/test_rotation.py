"""The table of PROTOCOL §4 for ended and bound sessions, row by row and at its edges; all rows: test_exploration.py."""

from dataclasses import replace

import pytest

from gatepass.core.refresh_token import RefreshToken
from gatepass.core.rotation import Advance, DeviceMissing, Ended, Recover, Repeat, Reuse, decide, expected_swap
from gatepass.core.session import NO_BINDING, NO_FINGERPRINT, EndReason
from tests.core.exploration.server import apply
from tests.core.lineage import (
    AGES,
    BOUND,
    FIRST,
    NOW,
    OWNER,
    POLICY,
    THIEF,
    ask,
    child,
    commit,
    line,
    repeats,
    signed_in,
)


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
