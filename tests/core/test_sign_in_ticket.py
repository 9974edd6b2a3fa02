"""The ticket between the two steps of a sign-in: what was sealed comes back, and nothing else opens."""

import pickle
from dataclasses import replace

import pytest

from gatepass.core import base64url
from gatepass.core.authentication import Authentication
from gatepass.core.binding import BindingKey
from gatepass.core.identity import ProviderSignIn
from gatepass.core.keyring import KeyRing
from gatepass.core.sign_in_ticket import MAX_TICKET, PREFIX, SignInTicket, open_ticket, seal_ticket

KEYS = KeyRing([bytes(range(32))])
NONCE = bytes(range(12))
KEY = BindingKey(bytes(range(100, 132)))
PLAIN = SignInTicket("0" * 32, 1, 1_800_000_300, Authentication(("pwd",)), True)
WHOLE = SignInTicket(
    "customer-7/ä",
    2**40,
    1_800_000_300,
    Authentication(("fed", "pwd"), "urn:example:silver", 1_800_000_000),
    False,
    KEY,
    ("ab" * 16, "cd" * 16),
    "ef" * 16,
    ProviderSignIn("google", "https://accounts.google.com", "subject", None, 1_799_999_999),
    '{"captcha":"x"}',
)


def facts(ticket: SignInTicket | None) -> object:
    """All of it but the key for one use, with the binding key as the bytes that it holds."""
    assert ticket is not None
    key = ticket.binding_key
    return replace(ticket, binding_key=None, key=b""), key and key.reveal()


@pytest.mark.parametrize("ticket", [PLAIN, WHOLE], ids=["plain", "whole"])
def test_what_was_sealed_comes_back_with_the_key_for_its_one_use(ticket: SignInTicket) -> None:
    opened = open_ticket(seal_ticket(ticket, KEYS, nonce=NONCE), KEYS)
    assert facts(opened) == facts(ticket)
    assert opened is not None
    assert opened.key == NONCE


def test_the_text_tells_nothing_of_the_account_and_has_a_prefix_that_scanners_find() -> None:
    text = seal_ticket(WHOLE, KEYS, nonce=NONCE)
    assert text.startswith(PREFIX)
    raw = base64url.decode(text.removeprefix(PREFIX).encode())
    assert not any(word in raw for word in (b"customer", b"google", b"captcha", KEY.reveal()))
    assert "customer" not in repr(WHOLE)
    with pytest.raises(TypeError):
        pickle.dumps(WHOLE)


def test_no_changed_byte_no_cut_and_no_other_spelling_opens() -> None:
    text = seal_ticket(PLAIN, KEYS, nonce=NONCE)
    raw = base64url.decode(text.removeprefix(PREFIX).encode())
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        assert open_ticket(PREFIX + base64url.encode(changed), KEYS) is None, place
        assert open_ticket(PREFIX + base64url.encode(raw[:place]), KEYS) is None
    for other in ("", PREFIX, text.removeprefix(PREFIX), text + "=", text + "A", f" {text}", "gp_vt_" + text[6:], "ä"):
        assert open_ticket(other, KEYS) is None
    assert open_ticket(PREFIX + "A" * MAX_TICKET, KEYS) is None


def test_a_secret_that_is_rolled_out_opens_it_and_another_one_does_not() -> None:
    text = seal_ticket(PLAIN, KEYS, nonce=NONCE)
    newer = bytes(range(1, 33))
    assert facts(open_ticket(text, KeyRing([newer, bytes(range(32))]))) == facts(PLAIN)
    assert open_ticket(text, KeyRing([newer])) is None


def test_what_another_purpose_sealed_under_the_same_secret_is_no_ticket() -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    for key in (KEYS.current.errand, KEYS.current.seal, KEYS.current.device):
        sealed = AESGCM(key).encrypt(NONCE, b"{}", b"sign-in ticket")
        raw = bytes([KEYS.current.key_id]) + NONCE + sealed
        assert open_ticket(PREFIX + base64url.encode(raw), KEYS) is None


def test_the_form_of_another_version_is_none() -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    for members in (b"{}", b"[]", b'{"a":"x"}'):
        sealed = AESGCM(KEYS.current.ticket).encrypt(NONCE, members, b"sign-in ticket")
        raw = bytes([KEYS.current.key_id]) + NONCE + sealed
        assert open_ticket(PREFIX + base64url.encode(raw), KEYS) is None
