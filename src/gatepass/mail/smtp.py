"""Mail by SMTP (RFC 5321): the standard library's client in a thread, always over TLS beyond this machine.

A mailed link gives access to an account, so mail leaves this machine only over TLS with a verified certificate:
from the first byte (`smtps`, RFC 8314) or by STARTTLS, which is required, not opportunistic. Each mail has its own
connection: there are few mails, and a connection that is kept open may be dead when it is needed.
"""

import asyncio
import contextlib
import smtplib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage

from gatepass.errors import ConfigurationError, DeliveryFailed
from gatepass.mail.message import check_sender, compose_mail
from gatepass.per_process import PerProcess
from gatepass.ports import Message
from gatepass.wire.origin import is_loopback_host

QUIT_TIMEOUT = 1.0
"""Seconds for the answer to QUIT, on which nothing depends."""
STEP_TIMEOUT = 10.0
"""Seconds for each step of a delivery. RFC 5321 allows servers minutes, but users are waiting for this mail."""
MAX_THREADS = 4
_NO_TLS = (
    "the mail server offers no STARTTLS, and mail leaves this machine over TLS alone: set GATEPASS_MAIL to smtps://, "
    "or for development to a server on a loopback address, or to console"
)


class SMTPMailer:
    """Delivers mail to one server. The user name and the password are sent over TLS only."""

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
        timeout: float = STEP_TIMEOUT,
    ) -> None:
        """Connects to nothing yet. `trust` replaces the system's certificates; `timeout` is seconds per step.

        Without `port` it is 465 with TLS from the start, else 587. Raises ConfigurationError.
        """
        self._host = host
        self._port = port or (465 if is_tls_from_the_start else 587)
        self._sender = check_sender(sender)
        self._user, self._password = user, password
        self._is_tls_from_the_start = is_tls_from_the_start
        self._needs_tls = not is_loopback_host(host)
        self._trust = trust or ssl.create_default_context()
        self._timeout = timeout
        self._pools = PerProcess(lambda: ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="gatepass-mail"))
        if user and not (self._needs_tls or is_tls_from_the_start or trust):
            raise ConfigurationError("A mail server on loopback gets a user name and a password over smtps:// only.")

    def __repr__(self) -> str:
        return f"SMTPMailer({self._host}:{self._port})"

    async def send(self, message: Message) -> None:
        """As in ports.Mailer: returns once the server has accepted the mail. Raises DeliveryFailed."""
        mail = compose_mail(message, sender=self._sender)
        await asyncio.get_running_loop().run_in_executor(self._pools.here, self._deliver, mail)

    def _deliver(self, mail: EmailMessage) -> None:
        try:
            server = self._connect()
            try:
                server.send_message(mail)
                _leave(server)
            finally:
                server.close()
        except smtplib.SMTPResponseException as refused:
            raise _refused(refused.smtp_code) from None  # its text may quote the address
        except smtplib.SMTPRecipientsRefused as refused:
            codes = [code for code, _ in refused.recipients.values()]
            raise _refused(max(codes, default=550)) from None
        except smtplib.SMTPNotSupportedError:
            raise DeliveryFailed("the mail server lacks AUTH or SMTPUTF8", is_final=True) from None
        except (smtplib.SMTPException, OSError, ValueError) as fault:
            raise DeliveryFailed(type(fault).__name__) from None

    def _connect(self) -> smtplib.SMTP:
        if self._is_tls_from_the_start:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, _own_name(), timeout=self._timeout, context=self._trust
            )
        else:
            server = smtplib.SMTP(self._host, self._port, _own_name(), timeout=self._timeout)
        try:
            server.ehlo()
            if self._needs_tls and not self._is_tls_from_the_start and not server.has_extn("starttls"):
                raise DeliveryFailed(_NO_TLS, is_final=True)
            if not self._is_tls_from_the_start and (self._needs_tls or server.has_extn("starttls")):
                server.starttls(context=self._trust)
                server.ehlo()
            if self._user:
                server.login(self._user, self._password)
        except BaseException:
            server.close()
            raise
        return server


def _own_name() -> str:
    """The name for EHLO. smtplib would look its own host up, ten seconds for each mail where the name is unknown."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"  # an address literal (RFC 5321 §4.1.4)


def _leave(server: smtplib.SMTP) -> None:
    """Say QUIT. The server has the mail: whatever it answers now, or does not, must not send the mail again."""
    with contextlib.suppress(smtplib.SMTPException, OSError):
        if server.sock is not None:
            server.sock.settimeout(QUIT_TIMEOUT)
        server.quit()


def _refused(code: int) -> DeliveryFailed:
    """Final for 5xx (RFC 5321 §4.2.1), except 530 and 535: the operator can correct a wrong password meanwhile."""
    return DeliveryFailed(f"the mail server answered {code}", is_final=500 <= code < 600 and code not in (530, 535))
