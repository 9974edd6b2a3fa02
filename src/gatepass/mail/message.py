"""A Message as the mail that goes out (RFC 5322), made so that no value can add a header or a recipient.

The standard library's `email.policy.SMTP` refuses line breaks in header values; here they are looked for first, with
every other control character, so that the refusal is ours and the same for every way out.
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
"""No quoted parts and no comments: what registration lets through has none, and everything else is an attempt."""


def compose_mail(message: Message, *, sender: str) -> EmailMessage:
    """The mail. Raises DeliveryFailed, for good, where an address or the subject is no single line of text."""
    address = _ADDRESS.fullmatch(message.to)
    if address is None or not (message.to.isprintable() and message.subject.isprintable()):
        raise DeliveryFailed("not one address, or a header of more than one line", is_final=True)
    mail = EmailMessage(policy=SMTP)
    mail["To"] = Address(username=address[1], domain=address[2])
    mail["From"] = sender
    mail["Subject"] = message.subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{uuid.uuid4().hex}@{mail['From'].addresses[0].domain or 'localhost'}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office reply, please
    mail.set_content(message.text)
    return mail


def check_sender(sender: str) -> str:
    """`a@b` or `Name <a@b>`. Raises ConfigurationError."""
    name, address = parseaddr(sender)
    local, _, domain = address.rpartition("@")
    if not (sender.isprintable() and local and domain and sender in (address, f"{name} <{address}>")):
        raise ConfigurationError("MAIL_FROM must be an address, or: Name <address>")
    return sender
