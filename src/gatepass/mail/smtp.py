"""Mail by SMTP (RFC 5321): the standard library's client, in a thread, over TLS or not at all.

A link in a mail is a key to an account, so off this machine it goes over TLS with a checked certificate only:
from the first byte (`smtps`, RFC 8314) or by STARTTLS, which is then required, never tried. One connection for
each mail: there are few, and a connection kept open is one more thing that can have died.
"""

import asyncio
import ipaddress
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage

from gatepass.errors import ConfigurationError, DeliveryFailed
from gatepass.mail.message import check_sender, compose_mail
from gatepass.ports import Message

TIMEOUT = 10.0
"""Seconds for each step of a delivery. RFC 5321 allows servers minutes; people wait for this mail."""
THREADS = 4


class SMTPMailer:
    """Hands mail to one server. Its user name and password are shown over TLS alone."""

    def __init__(
        self,
        host: str,
        port: int | None = None,
        *,
        sender: str,
        user: str = "",
        password: str = "",
        is_tls_from_the_start: bool = False,
        trust: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        """`trust` replaces the system's certificates. Raises ConfigurationError."""
        self._host = host
        self._port = port or (465 if is_tls_from_the_start else 587)
        self._sender = check_sender(sender)
        self._user, self._password = user, password
        self._is_tls_from_the_start = is_tls_from_the_start
        self._needs_tls = not _is_loopback(host)
        self._trust = trust or ssl.create_default_context()
        self._timeout = timeout
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="gatepass-mail")
        if user and not (self._needs_tls or is_tls_from_the_start or trust):
            raise ConfigurationError("MAIL: a user name and password on loopback need smtps://.")

    def __repr__(self) -> str:
        return f"SMTPMailer({self._host}:{self._port})"

    async def send(self, message: Message) -> None:
        """Return once the server has taken the mail. Raises DeliveryFailed."""
        mail = compose_mail(message, sender=self._sender)
        await asyncio.get_running_loop().run_in_executor(self._pool, self._deliver, mail)

    def _deliver(self, mail: EmailMessage) -> None:
        try:
            with self._connect() as server:
                server.send_message(mail)
        except smtplib.SMTPResponseException as refused:
            raise _refused(refused.smtp_code) from None  # its text may quote the address
        except smtplib.SMTPRecipientsRefused as refused:
            codes = [code for code, _ in refused.recipients.values()]
            raise _refused(max(codes, default=550)) from None
        except smtplib.SMTPNotSupportedError:
            raise DeliveryFailed("the mail server lacks STARTTLS, a log-in or SMTPUTF8", is_final=True) from None
        except (smtplib.SMTPException, OSError, ValueError) as fault:
            raise DeliveryFailed(type(fault).__name__) from None

    def _connect(self) -> smtplib.SMTP:
        if self._is_tls_from_the_start:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout, context=self._trust)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=self._timeout)
        try:
            server.ehlo()
            if not self._is_tls_from_the_start and (self._needs_tls or server.has_extn("starttls")):
                server.starttls(context=self._trust)
                server.ehlo()
            if self._user:
                server.login(self._user, self._password)
        except BaseException:
            server.close()
            raise
        return server


def _refused(code: int) -> DeliveryFailed:
    """4xx may be taken later (RFC 5321 §4.2.1), 5xx never; a wrong password is ours to mend, so it is tried again."""
    return DeliveryFailed(f"the mail server answered {code}", is_final=500 <= code < 600 and code not in (530, 535))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
