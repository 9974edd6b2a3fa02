"""Turns a Message into an RFC 5322 mail, so that no value in it can add a header or a recipient.

The standard library's `email.policy.SMTP` already refuses line breaks in header values. The check here comes first and
refuses every control character, so that all mailers refuse the same messages with the same error.
"""

import re
import uuid
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from gatepass.errors import ConfigurationError, DeliveryFailed
from gatepass.ports import Message
from gatepass.wire.idna import ascii_host

_ADDRESS = re.compile(r"([^\s<>(),;:\"\[\]\\@]+)@([^\s<>(),;:\"\[\]\\@]+)")
"""Without quoted parts and comments: registration accepts none, so anything else is an attack."""


def compose_mail(message: Message, *, sender: str) -> EmailMessage:
    """The mail. Raises DeliveryFailed (final) if the address or the subject is not a single line of text."""
    address = _ADDRESS.fullmatch(message.to)
    if address is None or not (message.to.isprintable() and message.subject.isprintable()):
        raise DeliveryFailed("not one address, or a header of more than one line", is_final=True)
    mail = EmailMessage(policy=SMTP)
    # Few mail servers take a domain beyond ASCII (SMTPUTF8, RFC 6531), and all take its other form.
    try:
        mail["To"] = Address(username=address[1], domain=ascii_host(address[2]))
    except ValueError:
        raise DeliveryFailed("the domain is no host name", is_final=True) from None
    mail["From"] = sender
    mail["Subject"] = message.subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{uuid.uuid4().hex}@{mail['From'].addresses[0].domain or 'localhost'}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: asks for no out-of-office reply
    mail.set_content(message.text)
    return mail


def check_sender(sender: str) -> str:
    """`sender` as it goes into a header: one address, with or without a name. Raises ConfigurationError.

    People write `Name <a@b>`, quote the name or not, and put a comma, a dot or a comment into it.
    """
    name, address = _parts_of(sender)
    local, at, domain = address.rpartition("@")
    if not (sender.isprintable() and _ADDRESS.fullmatch(address) and at):
        raise ConfigurationError("`sender` must be an address, or: Name <address>")
    try:
        return str(Address(display_name=name, username=local, domain=ascii_host(domain)))
    except ValueError:
        raise ConfigurationError("`sender` must be an address, or: Name <address>") from None


def _parts_of(sender: str) -> tuple[str, str]:
    """Name and address. A name may be unquoted, whatever it contains; a comment after an address is a name."""
    text = sender.strip()
    if text.endswith(">"):
        name, _, address = text[:-1].rpartition("<")
        name = name.strip()
        if len(name) > 1 and name[0] == name[-1] == '"':
            name = re.sub(r"\\(.)", r"\1", name[1:-1])
        elif "<" in name or ">" in name:
            return "", ""  # several addresses
        return name, address.strip()
    if text.endswith(")"):
        address, _, name = text[:-1].partition("(")
        return name.strip(), address.strip()
    return "", text
