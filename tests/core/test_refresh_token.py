"""A refresh token's text has one spelling, one maker and one identity, and only the holder of its key can prove it."""

import base64
import hashlib
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.core.binding import BindingKey, Proof, prove
from gatepass.core.keyring import KeyRing
from gatepass.core.refresh_token import (
    MAX_GENERATION,
    NOT_SEALED,
    PREFIX,
    Channel,
    Malformed,
    RefreshToken,
    RetiredKey,
    UnknownKey,
    compose,
    first_of,
    open_key,
    parse,
    proven_key,
    successor_of,
)
from gatepass.core.session import NO_BINDING, NO_FINGERPRINT

OLD, NEW, FOREIGN = (hashlib.sha256(name).digest() for name in (b"old", b"new", b"foreign"))
KEYS = KeyRing([OLD])
RINGS = [KEYS, KeyRing([OLD, NEW]), KeyRing([NEW, OLD]), KeyRing([NEW])]
KEY, OTHER_KEY = BindingKey(b"k" * 32), BindingKey(b"o" * 32)
NOW = 1_800_000_000
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
sixteen = st.binary(min_size=16, max_size=16)
seconds = st.integers(0, 2**40 - 1)
tokens = st.builds(
    RefreshToken,
    key_id=st.just(KEYS.current.key_id),
    channel=st.sampled_from(list(Channel)),
    sid=sixteen,
    generation=st.integers(0, MAX_GENERATION - 1),
    nonce=sixteen,
    parent=sixteen,
    binding=sixteen,
    sealed=st.binary(min_size=32, max_size=32),
    issued_at=seconds,
    expires_at=seconds,
)


def begin(key: BindingKey | None, keys: KeyRing = KEYS) -> RefreshToken:
    """The token of a sign-in, with or without a key."""
    return first_of(
        bytes(range(16)),
        keys,
        channel=Channel.HOST,
        binding_key=key,
        nonce=b"NONCE-NONCE-NONC",
        parent=b"PARENT-PARENT-PA",
        now=NOW,
        expires_at=NOW + 600_000,
    )


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


BOUND, UNBOUND = begin(KEY), begin(None)
TEXT = compose(BOUND, KEYS)


def bits_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text[len(PREFIX) :] + "==")


def text_of(raw: bytes) -> str:
    return PREFIX + base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read(
    text: str, keys: KeyRing = KEYS, channel: Channel = Channel.HOST
) -> RefreshToken | Malformed | UnknownKey | RetiredKey:
    return parse(text, keys, channel=channel)


class TestText:
    """One token has one text, and only this issuer can write it."""

    @given(tokens)
    def test_what_is_composed_is_parsed_again(self, token: RefreshToken) -> None:
        assert parse(compose(token, KEYS), KEYS, channel=token.channel) == token

    def test_the_text_is_the_prefix_and_194_characters(self) -> None:
        assert TEXT.startswith("gp_rt_")
        assert len(TEXT) == 6 + 194

    def test_every_flipped_bit_is_refused(self) -> None:
        raw = bits_of(TEXT)
        for position in range(len(raw) * 8):
            flipped = bytearray(raw)
            flipped[position // 8] ^= 1 << position % 8
            assert isinstance(read(text_of(bytes(flipped))), Malformed | UnknownKey), position

    def test_every_other_character_is_refused(self) -> None:
        for position, letter in enumerate(TEXT):
            other = ALPHABET[(ALPHABET.index(letter) + 1) % 64] if letter in ALPHABET else "x"
            changed = TEXT[:position] + other + TEXT[position + 1 :]
            assert isinstance(read(changed), Malformed | UnknownKey), position

    def test_the_unused_bits_of_the_last_character_must_be_zero(self) -> None:
        last = ALPHABET.index(TEXT[-1])
        spellings = [TEXT[:-1] + ALPHABET[last - last % 16 + unused] for unused in range(16)]
        assert [text for text in spellings if read(text) == BOUND] == [TEXT]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            PREFIX,
            TEXT[:-1],
            TEXT + "A",
            TEXT + "=",
            TEXT + "\n",
            "\n" + TEXT,
            " " + TEXT,
            TEXT[len(PREFIX) :],
            TEXT.upper(),
            TEXT.replace("gp_rt_", "gp_at_"),
            TEXT[:40] + "+" + TEXT[41:],
            TEXT[:40] + "/" + TEXT[41:],
            TEXT[:40] + "é" + TEXT[41:],
            TEXT[:40] + "٣" + TEXT[41:],
            TEXT[:40] + "\0" + TEXT[41:],
            TEXT[:70],
            TEXT * 2,
            "A" * 100_000,
            text_of(bits_of(TEXT) + bytes(3)),
        ],
    )
    def test_there_is_one_spelling_only(self, text: str) -> None:
        assert read(text) == Malformed()

    @given(st.text(max_size=200))
    def test_garbage_is_malformed_and_never_an_error(self, text: str) -> None:
        assert read(text) == Malformed()

    @given(st.binary(min_size=145, max_size=145))
    def test_random_bytes_in_the_right_form_are_refused(self, raw: bytes) -> None:
        assert isinstance(read(text_of(raw)), Malformed | UnknownKey)

    def test_another_version_is_malformed_even_under_an_unknown_key(self) -> None:
        raw = bytearray(bits_of(TEXT))
        raw[0], raw[1] = 1, raw[1] ^ 1
        assert read(text_of(bytes(raw))) == Malformed()

    @pytest.mark.parametrize("issued", list(Channel))
    @pytest.mark.parametrize("came", list(Channel))
    def test_a_token_counts_only_under_the_kind_of_name_that_it_was_issued_for(
        self, issued: Channel, came: Channel
    ) -> None:
        """So a token that a page or a sibling host plants under a weaker name never counts."""
        text = compose(replace(BOUND, channel=issued), KEYS)
        assert isinstance(read(text, channel=came), RefreshToken) == (issued == came)

    def test_an_unknown_key_id_is_a_roll_out_and_no_forgery(self) -> None:
        new = KeyRing([NEW])
        assert read(compose(replace(BOUND, key_id=new.current.key_id), new)) == UnknownKey()

    def test_a_foreign_secret_under_our_key_id_is_malformed(self) -> None:
        """An attacker knows the key id, which is in every token, but not the key."""
        foreign = KeyRing([FOREIGN])
        raw = bytearray(bits_of(compose(replace(BOUND, key_id=foreign.current.key_id), foreign)))
        raw[1] = KEYS.current.key_id
        assert read(text_of(bytes(raw))) == Malformed()

    def test_a_token_is_not_composed_under_a_key_that_is_not_there(self) -> None:
        with pytest.raises(ValueError, match="key ring"):
            compose(replace(BOUND, key_id=BOUND.key_id ^ 1), KEYS)

    def test_no_secret_part_is_in_the_representation(self) -> None:
        for token in (BOUND, UNBOUND):
            shown = repr(token)
            for secret in (token.nonce, token.parent, token.binding, token.sealed):
                assert repr(secret)[2:-1] not in shown
                assert secret.hex() not in shown


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
