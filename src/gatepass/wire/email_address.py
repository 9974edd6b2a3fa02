"""How an e-mail address is read: what people and keyboards put around it, and which spellings are one address.

    " Ann@Example.COM "   →   Ann@example.com, the key ann@example.com

Sign-in, registration, recovery, commands and import all read addresses here, so an account that was made under one
spelling is found under every other. The key is in lower case, as every large mail provider reads addresses, and
nothing more: straße@ and strasse@ are two mailboxes. Its domain is the one that DNS is asked for.
"""

import hashlib
import unicodedata
from typing import NamedTuple

from email_validator import EmailNotValidError, validate_email

_INVISIBLE = "".join(
    map(chr, (0x00AD, 0x061C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF))
)
"""Format characters that are pasted along with an address and that no one sees."""


class EmailAddress(NamedTuple):
    """An address as its owner wrote it (`display`), and the key by which its account is found."""

    display: str
    key: str


def read_email(text: str) -> EmailAddress | None:
    """The address, or None for any other text. Syntax only, no DNS; names of an intranet and of tests are fine."""
    try:
        parsed = validate_email(
            _trimmed(text), check_deliverability=False, globally_deliverable=False, test_environment=True
        )
    except EmailNotValidError:
        return None
    local_part = unicodedata.normalize("NFC", parsed.local_part.lower())
    return EmailAddress(parsed.normalized, f"{local_part}@{parsed.ascii_domain}")


def key_of_no_email(text: str) -> str:
    """A key in place of an address: no account has it, and it is fit for every store, whatever the text is."""
    return f"no address {hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def earlier_key(key: str) -> str:
    """The key that earlier versions made of the same address: with ß as ss, and the like."""
    local_part, at, domain = key.rpartition("@")
    return f"{local_part.casefold()}{at}{domain}"


def _trimmed(text: str) -> str:
    while (shorter := text.strip().strip(_INVISIBLE)) != text:
        text = shorter
    return text
