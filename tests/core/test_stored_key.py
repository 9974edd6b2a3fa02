"""Stored signing keys: sealed so that a read of the database is no use, and which of them signs when."""

from dataclasses import replace

import pytest

from gatepass.core.keyring import Algorithm, KeyRing, SigningKey
from gatepass.core.stored_key import StoredKey, choose, make, reseal, states, unseal

OLD, NEW, FOREIGN = (bytes(range(start, start + 32)) for start in (0, 40, 80))
RING = KeyRing([OLD])
KEPT = 900
T = 1_800_000_000


def stored(number: int, *, active_from: int, retired_at: int | None = None, ring: KeyRing = RING) -> StoredKey:
    seed = bytes([number]) * 32
    made = make(seed, nonce=bytes([number]) * 12, under=ring.current, algorithm="EdDSA", now=T, active_from=active_from)
    return replace(made, retired_at=retired_at)


def state_of(key: StoredKey, *others: StoredKey, now: int) -> str:
    return states([key, *others], now=now, kept=KEPT)[key.kid]


class TestSealing:
    @pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "HS256"])
    def test_a_key_comes_out_as_it_went_in(self, algorithm: Algorithm) -> None:
        seed = bytes(range(100, 132))
        key = make(seed, nonce=bytes(12), under=RING.current, algorithm=algorithm, now=T, active_from=T)
        opened = unseal(key, RING)
        assert opened is not None
        assert (opened.kid, opened.algorithm) == (key.kid, algorithm)
        assert opened.header == SigningKey.from_secret(seed, algorithm).header

    def test_the_seed_is_in_neither_the_row_nor_its_representation(self) -> None:
        seed = bytes(range(100, 132))
        key = make(seed, nonce=bytes(12), under=RING.current, algorithm="EdDSA", now=T, active_from=T)
        assert seed not in key.sealed
        assert key.sealed.hex() not in repr(key)
        assert str(key.sealed)[2:-1] not in repr(key)

    def test_without_its_secret_nothing_opens_it(self) -> None:
        assert unseal(stored(1, active_from=T), KeyRing([FOREIGN])) is None

    def test_a_row_that_was_tampered_with_does_not_open(self) -> None:
        key = stored(1, active_from=T)
        other = stored(2, active_from=T)
        bits = bytearray(key.sealed)
        bits[-1] ^= 1
        for wrong in (
            replace(key, sealed=bytes(bits)),
            replace(key, sealed=other.sealed),
            replace(key, sealed=b"\x00"),
        ):
            assert unseal(wrong, RING) is None
        assert unseal(replace(key, algorithm="HS256"), RING) is None

    def test_a_change_of_secrets_moves_the_seal_and_keeps_the_key(self) -> None:
        key = stored(1, active_from=T)
        assert reseal(key, KeyRing([OLD, NEW]), nonce=bytes(12)) is None, "the old one still comes first"
        moved = reseal(key, KeyRing([NEW, OLD]), nonce=bytes(12))
        assert moved is not None
        opened = unseal(moved, KeyRing([NEW]))
        assert opened is not None
        assert opened.kid == key.kid
        assert reseal(moved, KeyRing([NEW]), nonce=bytes(12)) is None
        assert reseal(key, KeyRing([NEW]), nonce=bytes(12)) is None, "what cannot be opened is left alone"


class TestLife:
    def test_it_is_published_then_signs_then_verifies_as_long_as_its_tokens_can_hold_then_is_gone(self) -> None:
        first, second = stored(1, active_from=T), stored(2, active_from=T + 1_000)
        line = [
            (T - 1, "published"),
            (T, "signs"),
            (T + 999, "signs"),
            (T + 1_000, "verifies"),
            (T + 1_000 + KEPT - 1, "verifies"),
            (T + 1_000 + KEPT, "gone"),
        ]
        assert [(now, state_of(first, second, now=now)) for now, _ in line] == line

    def test_a_key_called_off_before_it_signs_is_gone_and_supersedes_nothing(self) -> None:
        first, second = stored(1, active_from=T), stored(2, active_from=T + 100, retired_at=T + 50)
        assert state_of(second, first, now=T + 60) == "gone"
        assert state_of(first, second, now=T + 5_000) == "signs"

    def test_a_removed_key_is_gone_at_once_and_brings_no_older_one_back(self) -> None:
        first, second = stored(1, active_from=T), stored(2, active_from=T + 100)
        removed = replace(second, retired_at=T + 5_000, is_removed=True)
        third = stored(3, active_from=T + 5_000)
        assert states([first, removed, third], now=T + 5_000, kept=KEPT) == {
            first.kid: "gone",
            second.kid: "gone",
            third.kid: "signs",
        }

    def test_one_signs_at_any_time_whatever_the_order_of_the_rows(self) -> None:
        keys = [stored(number, active_from=T + number * 50) for number in range(1, 9)]
        for now in range(T + 50, T + 600, 7):
            for order in (keys, keys[::-1], keys[3:] + keys[:3]):
                assert list(states(order, now=now, kept=KEPT).values()).count("signs") == 1


class TestChoice:
    def kids(self, *rows: StoredKey, now: int) -> list[str]:
        pairs = []
        for row in rows:
            key = unseal(row, RING)
            assert key is not None
            pairs.append((row, key))
        return [key.kid for key in choose(RING.signing_keys, pairs, now=now, kept=KEPT)]

    def test_the_derived_key_signs_until_a_stored_one_does_and_verifies_until_its_last_token_is_over(self) -> None:
        derived = RING.signing_keys[0].kid
        key = stored(1, active_from=T)
        assert self.kids(now=T) == [derived]
        assert self.kids(key, now=T - 1) == [derived, key.kid], "published before use"
        assert self.kids(key, now=T) == [key.kid, derived]
        assert self.kids(key, now=T + KEPT - 1) == [key.kid, derived]
        assert self.kids(key, now=T + KEPT) == [key.kid]

    def test_the_one_that_signs_comes_first_and_the_gone_do_not_come_at_all(self) -> None:
        first, second, third = (stored(number, active_from=T + number * 1_000) for number in (0, 1, 2))
        assert self.kids(first, second, third, now=T + 1_500) == [second.kid, first.kid, third.kid]
        assert self.kids(first, second, third, now=T + 3_000) == [third.kid]
