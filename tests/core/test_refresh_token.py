"""A refresh token has one identity and one successor, and only the holder of its key can prove it."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.core.binding import BindingKey, Proof, prove
from gatepass.core.keyring import KeyRing
from gatepass.core.refresh_token import NOT_SEALED, Channel, RefreshToken, compose, open_key, proven_key, successor_of
from gatepass.core.session import NO_BINDING, NO_FINGERPRINT
from tests.core.refresh_tokens import (
    BOUND,
    KEY,
    KEYS,
    NEW,
    NOW,
    OLD,
    OTHER_KEY,
    TEXT,
    UNBOUND,
    bits_of,
    read,
    seconds,
    tokens,
)

RINGS = [KEYS, KeyRing([OLD, NEW]), KeyRing([NEW, OLD]), KeyRing([NEW])]


def exchange(
    token: RefreshToken,
    keys: KeyRing = KEYS,
    *,
    key: BindingKey | None,
    generation: int | None = None,
    entropy: bytes = b"r",
) -> RefreshToken:
    return successor_of(
        token,
        keys,
        generation=token.generation + 1 if generation is None else generation,
        binding_key=key,
        entropy=entropy * 16,
        now=NOW,
        expires_at=NOW + 9,
    )


def proof(token: RefreshToken, key: BindingKey, of: RefreshToken | None = None) -> Proof:
    """The header that names `token`, with the HMAC for `of`."""
    made_for = of or token
    text = prove(key.reveal(), sid=made_for.sid, generation=made_for.generation, challenge=made_for.challenge)
    return Proof(token.generation, token.challenge, text)


def proven(token: RefreshToken, keys: KeyRing, proof: Proof) -> bytes | None:
    """The bytes of the key that a proof proves."""
    key = proven_key(token, keys, proof)
    return key.reveal() if key else None


class TestIdentity:
    """A fingerprint names a token, under any key and at any time."""

    @given(tokens, seconds, seconds, st.integers(0, 255), st.binary(min_size=32, max_size=32))
    def test_it_is_free_of_times_key_id_channel_and_seal(
        self, token: RefreshToken, issued: int, expires: int, key_id: int, sealed: bytes
    ) -> None:
        other = replace(
            token, issued_at=issued, expires_at=expires, key_id=key_id, sealed=sealed, channel=Channel.LOOPBACK
        )
        assert other.fingerprint == token.fingerprint

    @given(tokens, tokens)
    def test_it_is_all_of_session_generation_nonce_parent_and_binding(
        self, one: RefreshToken, other: RefreshToken
    ) -> None:
        facts = [(token.sid, token.generation, token.nonce, token.parent, token.binding) for token in (one, other)]
        assert (one.fingerprint == other.fingerprint) == (facts[0] == facts[1])
        for change in ({"generation": one.generation ^ 1}, {"binding": bytes(15) + b"x"}, {"nonce": bytes(16)}):
            assert replace(one, **change).fingerprint != one.fingerprint or replace(one, **change) == one

    def test_a_token_follows_the_one_that_is_committed_when_nothing_was_lost(self) -> None:
        unbound, bound = exchange(UNBOUND, key=None), exchange(BOUND, key=KEY)
        assert unbound.follows == UNBOUND.fingerprint
        assert bound.follows == BOUND.fingerprint
        assert UNBOUND.follows == UNBOUND.parent
        assert BOUND.follows not in (NO_FINGERPRINT, BOUND.fingerprint)


class TestSuccessor:
    """What a token is exchanged for."""

    @pytest.mark.parametrize("ring", RINGS)
    @pytest.mark.parametrize("entropy", [b"1", b"2"])
    def test_the_bound_token_of_a_generation_is_one_token_whoever_asks(self, ring: KeyRing, entropy: bytes) -> None:
        """Whatever the randomness, the server, the stage of a change of secrets, and the token that is exchanged."""
        token = BOUND
        for _ in range(3):
            token = exchange(token, key=KEY)
        again = exchange(BOUND, ring, key=KEY, generation=3, entropy=entropy)
        assert again.fingerprint == token.fingerprint
        assert again.key_id == ring.current.key_id
        assert (again.issued_at, again.expires_at) == (NOW, NOW + 9)

    def test_a_key_that_is_offered_for_an_unbound_token_binds_its_successor(self) -> None:
        bound = exchange(UNBOUND, key=KEY)
        assert (bound.binding, bound.parent) == (KEY.binding, NO_FINGERPRINT)
        assert bound.generation == 1
        assert exchange(UNBOUND, RINGS[2], key=KEY, entropy=b"2").fingerprint == bound.fingerprint
        assert exchange(UNBOUND, key=OTHER_KEY).fingerprint != bound.fingerprint

    def test_a_successor_without_a_key_has_the_given_randomness_as_nonce_and_its_origin_as_parent(self) -> None:
        successor = exchange(UNBOUND, key=None)
        assert (successor.nonce, successor.parent) == (b"r" * 16, UNBOUND.fingerprint)
        assert (successor.binding, successor.sealed) == (NO_BINDING, NOT_SEALED)

    @pytest.mark.parametrize("key", [None, OTHER_KEY])
    def test_a_bound_token_is_exchanged_under_its_own_key_alone(self, key: BindingKey | None) -> None:
        with pytest.raises(ValueError, match="own key"):
            exchange(BOUND, key=key)

    def test_it_keeps_the_channel(self) -> None:
        assert exchange(replace(BOUND, channel=Channel.PATH), key=KEY).channel == Channel.PATH

    def test_secrets_roll_without_a_logout(self) -> None:
        """`old` → `old,new` → `new,old` → `new`: what a stage signs and seals, its neighbours read and open."""
        token = BOUND
        for before, after in pairwise(RINGS):
            assert read(compose(token, before), after) == token
            assert proven(token, after, proof(token, KEY)) == KEY.reveal()
            token = exchange(token, after, key=KEY)
            assert read(compose(token, after), before) == token
            assert proven(token, before, proof(token, KEY)) == KEY.reveal()


class TestProof:
    """A bound token is of use to the holder of its key alone."""

    def test_a_token_carries_its_key_for_the_server_alone(self) -> None:
        assert open_key(BOUND, KEYS).reveal() == KEY.reveal()
        assert KEY.reveal() not in bits_of(TEXT)
        with pytest.raises(ValueError, match="key ring"):
            open_key(BOUND, KeyRing([NEW]))

    def test_two_tokens_never_carry_the_key_under_one_mask(self) -> None:
        sealed = {exchange(BOUND, ring, key=KEY, generation=count).sealed for ring in RINGS[1:3] for count in range(9)}
        assert len(sealed) == 18

    def test_an_unbound_token_carries_no_key(self) -> None:
        with pytest.raises(ValueError, match="carries no key"):
            open_key(UNBOUND, KEYS)

    def test_the_key_proves_its_own_token(self) -> None:
        assert proven(BOUND, KEYS, proof(BOUND, KEY)) == KEY.reveal()

    def test_nothing_else_proves_it(self) -> None:
        later = exchange(BOUND, key=KEY)
        wrong = [
            None,
            proof(BOUND, OTHER_KEY),
            proof(BOUND, KEY, of=later),
            proof(later, KEY),
            proof(BOUND, KEY)._replace(generation=1),
            proof(BOUND, KEY)._replace(challenge="AAAAAAAAAAA"),
            proof(BOUND, KEY)._replace(text="A" * 22),
        ]
        assert [proven_key(BOUND, KEYS, one) for one in wrong] == [None] * len(wrong)
