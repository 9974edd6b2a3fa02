"""Tokens of mailed links: for one purpose, one subject and one state, and nothing else is one."""

import base64

import pytest

from gatepass.core.keyring import KeyRing
from gatepass.core.mailed_link import (
    InvalidLink,
    Link,
    Purpose,
    UnknownLinkKey,
    compose_link,
    is_still,
    make_link,
    parse_link,
)
from gatepass.core.refresh_token import Channel, Malformed, parse

OLD, NEW = bytes(range(32)), bytes(range(100, 132))
KEYS = KeyRing([OLD])
SUBJECT = "0123456789abcdef" * 2
STATE = ("ann@example.com", "1")


def link(purpose: Purpose = Purpose.VERIFY, *, keys: KeyRing = KEYS, address: str = "", subject: str = SUBJECT) -> Link:
    return make_link(keys, purpose, subject=subject, state=STATE, expires_at=1_800_000_000, address=address)


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("address", ["", "x@y", "ünï@bücher.example", "a" * 320, "\N{GOTHIC LETTER AHSA}" * 320])
def test_what_was_composed_is_read_again(purpose: Purpose, address: str) -> None:
    made = link(purpose, address=address)
    assert made.address == address
    text = compose_link(made, KEYS)
    assert text.startswith({2: "gp_pr_", 4: "gp_fr_"}.get(purpose, "gp_vt_"))
    assert parse_link(text, KEYS, purpose=purpose) == made
    for other in set(Purpose) - {purpose}:
        assert parse_link(text, KEYS, purpose=other) == InvalidLink()
        swapped = other.prefix + text[6:]
        assert parse_link(swapped, KEYS, purpose=other) == InvalidLink()


def test_a_link_that_somebody_has_in_their_mail_opens_after_an_update_too() -> None:
    """Written down once: another layout, or another way to its MACs, would break every link that is out."""
    text = "gp_vt_" + (
        "AVUDASNFZ4mrze8BI0VniavN7wBrSdIAUWBDPk7mcOKJVec0ZQnRiGFubkBuZXcuZXhhbXBs"
        "ZZNsTSILNRewEmV0qEzwkJ5f4RjIauuKpM1B9LjAxKc1"
    )
    read = parse_link(text, KEYS, purpose=Purpose.CHANGE_EMAIL)
    assert read == link(Purpose.CHANGE_EMAIL, address="ann@new.example")
    assert isinstance(read, Link)
    assert compose_link(read, KEYS) == text


def test_a_link_longer_than_any_address_makes_it_is_none() -> None:
    text = compose_link(link(address="a" * 1281), KEYS)
    assert parse_link(text, KEYS, purpose=Purpose.VERIFY) == InvalidLink()


def test_nothing_is_composed_under_a_key_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"^the link names a key that is not in the key ring$"):
        compose_link(link(), KeyRing([NEW]))


def test_every_bit_counts() -> None:
    text = compose_link(link(), KEYS)
    raw = base64.urlsafe_b64decode(text[6:] + "=" * (-len(text[6:]) % 4))
    for place in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[place // 8] ^= 1 << place % 8
        mangled = "gp_vt_" + base64.urlsafe_b64encode(flipped).decode().rstrip("=")
        assert not isinstance(parse_link(mangled, KEYS, purpose=Purpose.VERIFY), Link), place


def test_there_is_one_spelling() -> None:
    text = compose_link(link(address="ab"), KEYS)
    for place in range(6, len(text)):
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ \n":
            if letter != text[place]:
                other = text[:place] + letter + text[place + 1 :]
                assert not isinstance(parse_link(other, KEYS, purpose=Purpose.VERIFY), Link)
    for other in (text + "=", text + "A", text[:-1], " " + text, text + "\n", text.upper()):
        assert parse_link(other, KEYS, purpose=Purpose.VERIFY) == InvalidLink()


def test_a_state_is_held_to_part_by_part() -> None:
    made = link()
    assert is_still(made, KEYS, STATE)
    for other in (("ann@example.com", "2"), ("ann@example.com1", ""), ("ann@example.com",), ("", "ann@example.com1")):
        assert not is_still(made, KEYS, other)


def test_all_secrets_verify_and_the_first_one_signs() -> None:
    text = compose_link(link(), KEYS)
    for keys in (KeyRing([OLD, NEW]), KeyRing([NEW, OLD])):
        read = parse_link(text, keys, purpose=Purpose.VERIFY)
        assert isinstance(read, Link)
        assert is_still(read, keys, STATE)
    assert parse_link(text, KeyRing([NEW]), purpose=Purpose.VERIFY) == UnknownLinkKey()
    assert link(keys=KeyRing([NEW, OLD])).key_id == KeyRing([NEW]).current.key_id


def test_its_key_serves_nothing_else() -> None:
    secret_keys = KEYS.current
    assert len({secret_keys.mac, secret_keys.seal, secret_keys.link}) == 3
    assert parse(compose_link(link(), KEYS), KEYS, channel=Channel.HOST) == Malformed()


def test_nothing_that_opens_is_in_its_repr() -> None:
    made = link(address="ann@new.example")
    assert "ann@" not in repr(made)
    assert repr(made.state) not in repr(made)


@pytest.mark.parametrize("account_id", ["5", "a@tenant", "550e8400-e29b-41d4-a716-446655440000", "F" * 32, "x" * 128])
@pytest.mark.parametrize("address", ["", "ann@example.com"])
def test_a_link_is_for_an_account_of_any_id(account_id: str, address: str) -> None:
    made = link(subject=account_id, address=address)
    assert parse_link(compose_link(made, KEYS), KEYS, purpose=Purpose.VERIFY) == made


def test_no_id_makes_the_link_of_another_account() -> None:
    made = [link(subject=name, address=address) for name, address in (("1", "2"), ("12", ""), ("1", ""))]
    assert len({compose_link(one, KEYS) for one in made}) == 3
