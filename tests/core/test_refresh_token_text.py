"""A refresh token's text has one spelling and one maker."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.core.keyring import KeyRing
from gatepass.core.refresh_token import PREFIX, Channel, Malformed, RefreshToken, UnknownKey, compose, parse
from tests.core.refresh_tokens import BOUND, FOREIGN, KEYS, NEW, TEXT, UNBOUND, bits_of, read, tokens

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def text_of(raw: bytes) -> str:
    return PREFIX + base64.urlsafe_b64encode(raw).decode().rstrip("=")


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
