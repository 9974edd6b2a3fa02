"""Mail: where it goes (SMTP, the console, a folder), what it says, and the outbox that sends it beside the answers.

`GATEPASS_MAIL`:

    smtps://user:password@mail.example.com         TLS from the first byte, port 465
    smtp://user:password@mail.example.com          STARTTLS, required; port 587
    smtp://localhost:1025                          plain text, on loopback only
    file:///var/spool/gatepass                     one .eml file each: tests and development
    console                                        on standard error: development
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from gatepass.errors import ConfigurationError
from gatepass.mail.console import ConsoleMailer
from gatepass.mail.development import FolderMailer
from gatepass.mail.link_pages import LinkPages, need_mail
from gatepass.mail.outbox import Outbox
from gatepass.mail.smtp import SMTPMailer
from gatepass.mail.templates import MailTemplates
from gatepass.ports import Mailer

__all__ = [
    "ConsoleMailer",
    "FolderMailer",
    "LinkPages",
    "MailTemplates",
    "Outbox",
    "SMTPMailer",
    "need_mail",
    "open_mailer",
]


def open_mailer(url: str, *, sender: str) -> Mailer:
    """The mailer that a URL names. Raises ConfigurationError; the URL is not repeated, it may hold a password."""
    if url == "console":
        return ConsoleMailer(sender=sender)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError("MAIL cannot be read as a URL; percent-encode special characters in it.") from None
    if parts.query or parts.fragment:
        raise ConfigurationError("MAIL takes no options after a ? or a #.")
    if parts.scheme == "file" and parts.hostname is None and len(parts.path) > 1:
        return FolderMailer(Path(unquote(parts.path)), sender=sender)
    if parts.scheme in ("smtp", "smtps") and parts.hostname and parts.path in ("", "/"):
        return SMTPMailer(
            parts.hostname,
            port,
            sender=sender,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            is_tls_from_the_start=parts.scheme == "smtps",
        )
    raise ConfigurationError("MAIL must be smtps://user:password@host, smtp://…, file:///folder or console.")
