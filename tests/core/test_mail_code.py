"""Codes by mail: what a ticket and a code are made of."""

import pytest

from gatepass.core.account import Account
from gatepass.core.binding import BindingKey
from gatepass.core.crockford import ALPHABET
from gatepass.core.keyring import KeyRing
from gatepass.core.mail_code import (
    MAX_MAIL_TICKET,
    MailTicket,
    code_of,
    is_code_of,
    open_mail_ticket,
    seal_mail_ticket,
)
from gatepass.core.sign_in_ticket import open_ticket

KEYS = KeyRing([bytes(range(32))])
OTHER = KeyRing([bytes(range(32, 64))])
TICKET = MailTicket("ann@example.com", b"s" * 32, 1_800_000_600, BindingKey(b"k" * 32))
ANN = Account("ab" * 16, "Ann@example.com", "ann@example.com", "!", 3, 1_700_000_000)


def text_of(ticket: MailTicket = TICKET, nonce: bytes = b"n" * 12) -> str:
    return seal_mail_ticket(ticket, KEYS, nonce=nonce)


def test_a_ticket_opens_to_what_was_sealed_and_has_a_key_of_its_own() -> None:
    opened = open_mail_ticket(text_of(), KEYS)
    assert opened is not None
    assert (opened.email_key, opened.seed, opened.expires_at) == (TICKET.email_key, TICKET.seed, TICKET.expires_at)
    assert opened.binding_key is not None
    assert opened.binding_key.binding == BindingKey(b"k" * 32).binding
    assert opened.key == b"n" * 12


def test_it_opens_for_this_gate_alone_and_as_nothing_else() -> None:
    assert open_mail_ticket(text_of(), OTHER) is None
    assert open_ticket(text_of(), KEYS) is None
    assert open_ticket("gp_st_" + text_of().removeprefix("gp_mc_"), KEYS) is None


def test_no_changed_ticket_opens() -> None:
    text = text_of()
    for place in range(len("gp_mc_"), len(text)):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert open_mail_ticket(changed, KEYS) is None


def test_neither_the_ticket_nor_what_is_printed_of_it_shows_the_code() -> None:
    assert code_of(TICKET, ANN) not in text_of()
    assert "ann" not in repr(TICKET)


def test_the_longest_address_fits_and_a_longer_text_is_not_opened() -> None:
    longest = MailTicket("ä" * 254, b"s" * 32, 1_800_000_600, BindingKey(b"k" * 32))
    assert open_mail_ticket(text_of(longest), KEYS) is not None
    assert open_mail_ticket("gp_mc_" + "A" * MAX_MAIL_TICKET, KEYS) is None


def test_codes_have_forty_bits_of_the_seed() -> None:
    codes = [
        code_of(MailTicket("ann@example.com", bytes([number]) * 32, 1), ANN).replace("-", "") for number in range(256)
    ]
    assert len(set(codes)) == 256
    assert {len(code) for code in codes} == {8}
    assert {character for code in codes for character in code} == set(ALPHABET)


@pytest.mark.parametrize(
    "other",
    [
        Account("cd" * 16, "Ann@example.com", "ann@example.com", "!", 3, 1_700_000_000),
        Account("ab" * 16, "Ann@example.com", "ann@example.com", "!", 4, 1_700_000_000),
    ],
    ids=["account", "version"],
)
def test_another_account_and_another_state_of_it_have_another_code(other: Account) -> None:
    assert code_of(TICKET, other) != code_of(TICKET, ANN)
    assert not is_code_of(TICKET, other, code_of(TICKET, ANN))


def test_a_code_is_known_however_it_is_typed_and_no_text_is_one_without_an_account() -> None:
    code = code_of(TICKET, ANN)
    for typed in (code, code.lower(), code.replace("-", ""), f" {code[:4]} {code[5:]} "):
        assert is_code_of(TICKET, ANN, typed)
    for typed in (code, "", "0000-0000"):
        assert not is_code_of(TICKET, None, typed)
