"""Turns a Message into an RFC 5322 mail, so that no value in it can add a header or a recipient.

The standard library's `email.policy.SMTP` already refuses line breaks in header values. The check here comes first and
refuses every control character, so that all mailers refuse the same messages with the same error.
"""

import re
import uuid
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr

from gatepass.errors import ConfigurationError, DeliveryFailed
from gatepass.ports import Message

_ADDRESS = re.compile(r"([^\s<>(),;:\"\[\]\\@]+)@([^\s<>(),;:\"\[\]\\@]+)")
"""Without quoted parts and comments: registration accepts none, so anything else is an attack."""


def compose_mail(message: Message, *, sender: str) -> EmailMessage:
    """The mail. Raises DeliveryFailed (final) if the address or the subject is not a single line of text."""
    address = _ADDRESS.fullmatch(message.to)
    if address is None or not (message.to.isprintable() and message.subject.isprintable()):
        raise DeliveryFailed("not one address, or a header of more than one line", is_final=True)
    mail = EmailMessage(policy=SMTP)
    mail["To"] = Address(username=address[1], domain=address[2])
    mail["From"] = sender
    mail["Subject"] = message.subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{uuid.uuid4().hex}@{mail['From'].addresses[0].domain or 'localhost'}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: asks for no out-of-office reply
    mail.set_content(message.text)
    return mail


def check_sender(sender: str) -> str:
    """`sender` itself, if it is `a@b` or `Name <a@b>`. Raises ConfigurationError."""
    name, address = parseaddr(sender)
    local, _, domain = address.rpartition("@")
    if not (sender.isprintable() and local and domain and sender in (address, f"{name} <{address}>")):
        raise ConfigurationError("`sender` must be an address, or: Name <address>")
    return sender
