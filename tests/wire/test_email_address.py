"""One person, one account: whatever keyboards and programs put around an address, and however it is written."""

import unicodedata

import pytest

from gatepass.wire.bodies import email_key, parse_email
from gatepass.wire.email_address import earlier_key, read_email

SAME = [
    "ann@example.com",
    "Ann@Example.COM",
    "ann@example.com ",
    " ann@example.com",
    "\tann@example.com\r\n",
    "ann@example.com\u00a0",
    "\u200bann@example.com",
    "ann@example.com\u200b \u200b",
    "\ufeffann@example.com",
    "\u2066ann@example.com\u2069",
    "ann@example.com\u3000",
]


@pytest.mark.parametrize("text", SAME)
def test_what_stands_around_an_address_is_no_part_of_it(text: str) -> None:
    assert email_key(text) == "ann@example.com"
    assert parse_email(text).display.lower() == "ann@example.com"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x@bücher.example", "X@BÜCHER.example"),
        ("x@bücher.example", "x@xn--bcher-kva.example"),
        ("x@bücher.example", unicodedata.normalize("NFD", "x@bücher.example")),
        ("é@example.com", "e\u0301@example.com"),
        ("É@example.com", "e\u0301@example.com"),
        ("kim@example.com", "\u212aim@example.com"),
    ],
)
def test_spellings_of_one_address_have_one_key(one: str, other: str) -> None:
    assert email_key(one) == email_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("strasse@example.com", "straße@example.com"),
        ("stefan@example.com", "ſtefan@example.com"),
        ("fi@example.com", "\ufb01@example.com"),
        ("ilk@example.com", "ılk@example.com"),
        ("z@fass.example", "z@faß.example"),
        ("plus@example.com", "plus+tag@example.com"),
    ],
)
def test_two_mailboxes_have_two_keys(one: str, other: str) -> None:
    assert email_key(one) != email_key(other)


@pytest.mark.parametrize(
    "text", ["", " ", "\u200b", "ann", "ann@", "a\x00@example.com", "a b@example.com", "\ud800@a.b"]
)
def test_a_text_that_is_no_address_has_a_key_that_every_store_takes(text: str) -> None:
    assert read_email(text) is None
    key = email_key(text)
    assert key.isascii()
    assert key.isprintable()
    assert read_email(key) is None, "no account has it"
    assert key == email_key(text) == earlier_key(key)


def test_the_key_of_an_earlier_version_is_known() -> None:
    assert earlier_key(email_key("Straße@example.com")) == "strasse@example.com"
    assert earlier_key(email_key("ann@example.com")) == "ann@example.com"
