"""Recovery codes: what is drawn, what is typed, what is stored."""

from hypothesis import given
from hypothesis import strategies as st

from gatepass.core import crockford, recovery_code

RAW = bytes(range(15))
CODE = recovery_code.code_of(RAW)
ACCOUNT = "00" * 16


def test_a_code_is_six_groups_of_four_without_letters_that_look_alike() -> None:
    assert CODE == "000G-40R4-0M30-E209-185G-R38E"
    assert not set("ILOU") & set(crockford.ALPHABET)


def test_however_it_is_typed_it_is_the_same_code() -> None:
    digest = recovery_code.digest_of(CODE, account_id=ACCOUNT)
    assert digest is not None
    for typed in (
        CODE.lower(),
        CODE.replace("-", ""),
        CODE.replace("-", " "),
        CODE.replace("0", "o").replace("1", "l"),
    ):
        assert recovery_code.digest_of(typed, account_id=ACCOUNT) == digest


def test_what_is_no_code_has_no_digest() -> None:
    for typed in ("", CODE[:-1], CODE + "0", CODE[:-1] + "U", CODE[:-1] + "٣", 99 * " " + CODE):
        assert recovery_code.digest_of(typed, account_id=ACCOUNT) is None


def test_one_code_has_another_digest_for_each_account() -> None:
    assert recovery_code.digest_of(CODE, account_id=ACCOUNT) != recovery_code.digest_of(CODE, account_id="11" * 16)


@given(st.binary(min_size=15, max_size=15))
def test_every_code_reads_back(raw: bytes) -> None:
    code = crockford.encode(raw)
    assert crockford.decode(code, length=24) == raw
    assert crockford.decode(crockford.grouped(code), length=24) == raw
