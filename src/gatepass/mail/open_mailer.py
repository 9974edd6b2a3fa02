"""The mailer that a URL names.

smtps://user:password@mail.example.com         TLS from the first byte, port 465
smtp://user:password@mail.example.com          STARTTLS, required; port 587
smtp://localhost:1025                          plain text, on loopback only
file:///var/spool/gatepass                     one .eml file per mail: tests and development
console                                        standard error: development
"""

from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from gatepass.errors import ConfigurationError
from gatepass.mail.development import ConsoleMailer, FolderMailer
from gatepass.mail.smtp import SMTPMailer
from gatepass.ports import Message
from gatepass.wire.idna import ascii_url


class AsyncMailer(Protocol):
    """The mailers of Gatepass itself, which are async."""

    async def send(self, message: Message) -> None:
        """As `ports.Mailer`."""
        ...


def open_mailer(url: str, *, sender: str) -> AsyncMailer:
    """A mailer for `url` that sends as `sender`. Connects to nothing yet.

    Raises ConfigurationError, which does not repeat the URL: it may hold a password.
    """
    if url == "console":
        return ConsoleMailer(sender=sender)
    try:
        parts = urlsplit(ascii_url(url))
        port = parts.port
    except ValueError:
        raise ConfigurationError("`mailer` cannot be read as a URL; percent-encode special characters in it.") from None
    if parts.query or parts.fragment:
        raise ConfigurationError("`mailer` takes no options after a ? or a #.")
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
    raise ConfigurationError("`mailer` must be smtps://user:password@host, smtp://…, file:///folder or console.")
