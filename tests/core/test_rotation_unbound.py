"""The table of PROTOCOL §4 for sessions without a key and for those that get one, row by row and at its edges."""

from dataclasses import replace

import pytest

from gatepass.core.binding import BindingKey
from gatepass.core.rotation import Advance, Late, Outcome, Recover, Reuse, expected_swap
from gatepass.core.session import NO_BINDING, NO_FINGERPRINT
from tests.core.exploration.server import apply
from tests.core.lineage import AGES, FIRST, NOW, OWNER, THIEF, ask, child, commit, line, repeats, signed_in


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

    @pytest.mark.parametrize(("age", "timely"), AGES)
    def test_what_lost_a_race_is_late_within_the_leeway(self, age: int, timely: bool) -> None:
        outcome: Outcome = Late() if timely else Reuse()
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
