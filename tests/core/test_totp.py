"""Codes of an authenticator app: the vectors of the RFCs, the window, and what is typed."""

import pytest

from gatepass.core import totp
from gatepass.core.keyring import KeyRing

RFC_SECRET = b"12345678901234567890"
NOW = 1_800_000_000
ACCOUNT = "00" * 16
OLD, NEW = bytes(range(32)), bytes(range(32, 64))


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_vectors_of_rfc_6238_hold(at: int, code: str) -> None:
    assert totp.code_at(RFC_SECRET, totp.step_at(at), digits=8) == code


def test_the_vectors_of_rfc_4226_hold() -> None:
    codes = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
    assert [totp.code_at(RFC_SECRET, counter) for counter in range(10)] == codes


def test_a_code_holds_in_its_own_step_and_in_the_ones_beside_it() -> None:
    here = totp.step_at(NOW)
    found = {
        ahead: totp.step_of(totp.code_at(RFC_SECRET, here + ahead), RFC_SECRET, now=NOW, after=-1)
        for ahead in range(-3, 4)
    }
    assert found == {-3: None, -2: None, -1: here - 1, 0: here, 1: here + 1, 2: None, 3: None}


def test_no_code_of_a_used_step_or_an_earlier_one_is_taken() -> None:
    here = totp.step_at(NOW)
    for ahead, after, taken in ((0, here, False), (-1, here, False), (1, here, True), (0, here - 1, True)):
        code = totp.code_at(RFC_SECRET, here + ahead)
        assert (totp.step_of(code, RFC_SECRET, now=NOW, after=after) is not None) is taken


@pytest.mark.parametrize(
    ("typed", "is_taken"),
    [
        *((typed, True) for typed in ("{0} {1}", " {0}{1} ", "{0}\N{NO-BREAK SPACE}{1}")),
        *((typed, False) for typed in ("{0}{1}0", "{0}", "", "{0}{1}\0", 9 * "{0}{1}", "{0}-{1}")),
    ],
)
def test_spaces_are_ignored_and_nothing_else(typed: str, is_taken: bool) -> None:
    code = totp.code_at(RFC_SECRET, totp.step_at(NOW))
    text = typed.format(code[:3], code[3:])
    assert (totp.step_of(text, RFC_SECRET, now=NOW, after=-1) is not None) is is_taken


def test_digits_of_other_scripts_are_no_digits() -> None:
    code = totp.code_at(RFC_SECRET, totp.step_at(NOW))
    arabic = code.translate({ord(str(digit)): 0x660 + digit for digit in range(10)})
    assert totp.step_of(arabic, RFC_SECRET, now=NOW, after=-1) is None


def test_the_uri_escapes_what_apps_would_misread() -> None:
    uri = totp.uri_of(RFC_SECRET, service="Ann: Notes & Co", account="ann+work@example.com")
    assert uri == (
        "otpauth://totp/Ann%20%20Notes%20%26%20Co:ann%2Bwork@example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        "&issuer=Ann%20%20Notes%20%26%20Co&algorithm=SHA1&digits=6&period=30"
    )


def test_a_sealed_secret_opens_for_its_account_under_a_secret_that_the_server_has() -> None:
    keys = KeyRing([OLD])
    sealed = totp.seal(RFC_SECRET, keys, nonce=bytes(12), account_id=ACCOUNT)
    assert RFC_SECRET not in sealed
    assert totp.unseal(sealed, keys, account_id=ACCOUNT) == RFC_SECRET
    assert totp.unseal(sealed, KeyRing([NEW, OLD]), account_id=ACCOUNT) == RFC_SECRET
    assert totp.unseal(sealed, KeyRing([NEW]), account_id=ACCOUNT) is None
    assert totp.unseal(sealed, keys, account_id="11" * 16) is None, "a row that was copied to another account"
    assert totp.unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), keys, account_id=ACCOUNT) is None
    assert totp.unseal(b"", keys, account_id=ACCOUNT) is None
