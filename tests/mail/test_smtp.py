"""Mail over real SMTP on loopback: what arrives, over which line, and what a server's no means."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gatepass.errors import DeliveryFailed
from gatepass.mail import SMTPMailer
from gatepass.mail.open_mailer import open_mailer
from gatepass.ports import Message

SENDER = "Gate <gate@example.com>"
MAIL = Message("ann@example.com", "A subject", "A line with a link: https://gate.example/#token=gp_vt_abc\n.\nend")


class Server:
    """What a mail server was told."""

    def __init__(self, answer: str = "250 OK", goodbye: str = "221 Bye") -> None:
        self.answer = answer
        self.goodbye = goodbye
        self.envelopes: list[Envelope] = []
        self.was_tls: list[bool] = []
        self.port = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert server.transport is not None
        self.was_tls.append(server.transport.get_extra_info("ssl_object") is not None)
        self.envelopes.append(envelope)
        return self.answer

    async def handle_QUIT(self, server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        if self.goodbye == "cut":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        if self.goodbye == "silence":
            await asyncio.Event().wait()
        return self.goodbye

    def mail(self) -> Any:
        (envelope,) = self.envelopes
        assert isinstance(envelope.original_content, bytes)
        return message_from_bytes(envelope.original_content, policy=default)


@asynccontextmanager
async def smtp_server(
    *,
    answer: str = "250 OK",
    goodbye: str = "221 Bye",
    tls: ssl.SSLContext | None = None,
    from_the_start: bool = False,
    utf8: bool = True,
    **options: Any,
) -> AsyncIterator[Server]:
    handler = Server(answer, goodbye)

    lines: list[SMTP] = []

    def protocol() -> SMTP:
        line = SMTP(
            handler,
            hostname="localhost",
            loop=asyncio.get_running_loop(),
            enable_SMTPUTF8=utf8,
            tls_context=None if from_the_start else tls,
            **options,
        )
        lines.append(line)
        return line

    listener = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", 0, ssl=tls if from_the_start else None
    )
    handler.port = listener.sockets[0].getsockname()[1]
    try:
        yield handler
    finally:
        listener.close()
        for line in lines:
            if line.transport is not None:
                line.transport.close()
        await asyncio.sleep(0)  # the loop lets the sockets go
        await listener.wait_closed()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "mail.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trust(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=certificate.read_text().partition("-----END PRIVATE KEY-----")[2])


async def test_a_mail_arrives_as_it_was_meant() -> None:
    async with smtp_server() as server:
        await open_mailer(f"smtp://127.0.0.1:{server.port}", sender=SENDER).send(MAIL)
    mail = server.mail()
    assert (mail["To"], mail["From"], mail["Subject"]) == ("ann@example.com", SENDER, "A subject")
    assert mail["Message-ID"].endswith("@example.com>")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().replace("\r\n", "\n") == MAIL.text + "\n"
    assert server.envelopes[0].rcpt_tos == ["ann@example.com"]
    assert server.envelopes[0].mail_from == "gate@example.com"


async def test_umlauts_survive_in_every_part() -> None:
    async with smtp_server() as server:
        mailer = open_mailer(f"smtp://127.0.0.1:{server.port}", sender=SENDER)
        await mailer.send(Message("ünï@bücher.example", "Grüße 🎉 " + "lang " * 30, "Schöne Grüße"))
    assert server.mail()["Subject"].startswith("Grüße 🎉 lang")
    assert server.envelopes[0].rcpt_tos == ["ünï@xn--bcher-kva.example"]
    assert server.mail().get_content().strip() == "Schöne Grüße"


@pytest.mark.parametrize(
    "message",
    [
        Message("ann@example.com\r\nBcc: eve@example.com", "x", "x"),
        Message("ann@example.com", "x\r\nBcc: eve@example.com", "x"),
        Message("ann@example.com", "x\nX: y", "x"),
        Message("ann@example.com, eve@example.com", "x", "x"),
        Message("ann@example.com> RCPT TO:<eve@example.com", "x", "x"),
        Message("Ann <ann@example.com>", "x", "x"),
        Message("ann@example.com\u2028", "x", "x"),
        Message("", "x", "x"),
        Message("ann", "\0", "x"),
    ],
)
async def test_no_value_adds_a_header_or_a_recipient(message: Message) -> None:
    async with smtp_server() as server:
        mailer = open_mailer(f"smtp://127.0.0.1:{server.port}", sender=SENDER)
        with pytest.raises(DeliveryFailed) as failed:
            await mailer.send(message)
        assert failed.value.is_final
        assert "eve" not in str(failed.value)
    assert server.envelopes == []


@pytest.mark.parametrize("from_the_start", [True, False])
async def test_a_mail_and_a_password_go_over_checked_tls(
    tls: ssl.SSLContext, trust: ssl.SSLContext, from_the_start: bool
) -> None:
    seen: list[LoginPassword] = []

    def check(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
        seen.append(given)
        return AuthResult(success=True)

    options: dict[str, Any] = {"authenticator": check, "auth_require_tls": not from_the_start}
    async with smtp_server(tls=tls, from_the_start=from_the_start, **options) as server:
        mailer = SMTPMailer(
            "127.0.0.1",
            server.port,
            sender=SENDER,
            user="gate",
            password="word",
            is_tls_from_the_start=from_the_start,
            trust=trust,
        )
        await mailer.send(MAIL)
    assert server.was_tls == [True]
    assert [(given.login, given.password) for given in seen] == [(b"gate", b"word")]
    assert "word" not in repr(mailer)


@pytest.mark.parametrize("from_the_start", [True, False])
async def test_a_certificate_that_is_not_trusted_gets_no_mail(tls: ssl.SSLContext, from_the_start: bool) -> None:
    async with smtp_server(tls=tls, from_the_start=from_the_start) as server:
        mailer = SMTPMailer("127.0.0.1", server.port, sender=SENDER, is_tls_from_the_start=from_the_start)
        with pytest.raises(DeliveryFailed, match="SSLCertVerificationError"):
            await mailer.send(MAIL)
    assert server.envelopes == []


async def test_off_loopback_a_server_without_starttls_gets_no_mail() -> None:
    async with smtp_server() as server:
        mailer = SMTPMailer("127.0.0.1", server.port, sender=SENDER)
        mailer._needs_tls = True  # as for any other host
        with pytest.raises(DeliveryFailed, match=r"offers no STARTTLS.*GATEPASS_MAIL to smtps://"):
            await mailer.send(MAIL)
    assert server.envelopes == []
    assert SMTPMailer("mail.example.com", sender=SENDER)._needs_tls


@pytest.mark.parametrize(
    ("answer", "is_final"), [("451 try later", False), ("550 no such user ann@example.com", True), ("535 who?", False)]
)
async def test_a_servers_no_is_told_by_its_code_alone(answer: str, is_final: bool) -> None:
    async with smtp_server(answer=answer) as server:
        with pytest.raises(DeliveryFailed, match=answer[:3]) as failed:
            await open_mailer(f"smtp://127.0.0.1:{server.port}", sender=SENDER).send(MAIL)
    assert failed.value.is_final is is_final
    assert "ann@" not in str(failed.value) + repr(failed.value.__cause__)


@pytest.mark.parametrize("goodbye", ["250 OK", "421 timeout", "554 no", "cut", "silence"])
async def test_what_a_server_says_after_it_took_the_mail_decides_nothing(
    monkeypatch: pytest.MonkeyPatch, goodbye: str
) -> None:
    monkeypatch.setattr("gatepass.mail.smtp.QUIT_TIMEOUT", 0.05)
    async with smtp_server(goodbye=goodbye) as server:
        await open_mailer(f"smtp://127.0.0.1:{server.port}", sender=SENDER).send(MAIL)
        assert len(server.envelopes) == 1


async def test_no_mail_waits_until_the_own_host_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(_name: str = "") -> str:
        raise AssertionError("ten seconds where names do not resolve")

    monkeypatch.setattr(socket, "getfqdn", look_up)
    async with smtp_server() as server:
        await open_mailer(f"smtp://127.0.0.1:{server.port}", sender=SENDER).send(MAIL)
    assert len(server.envelopes) == 1


async def test_a_domain_with_umlauts_needs_nothing_of_the_server() -> None:
    async with smtp_server(utf8=False) as server:
        mailer = open_mailer(f"smtp://127.0.0.1:{server.port}", sender="Gate <gate@bücher.example>")
        await mailer.send(Message("ann@bücher.example", "Grüße", "Schöne Grüße"))
        with pytest.raises(DeliveryFailed, match="SMTPUTF8") as failed:
            await mailer.send(Message("jürgen@bücher.example", "Grüße", "Schöne Grüße"))
        assert failed.value.is_final
    (envelope,) = server.envelopes
    assert envelope.rcpt_tos == ["ann@xn--bcher-kva.example"]
    assert envelope.mail_from == "gate@xn--bcher-kva.example"


async def test_a_server_that_is_not_there_or_silent_is_a_failure_to_try_again(unused_tcp_port: int) -> None:
    with pytest.raises(DeliveryFailed) as failed:
        await SMTPMailer("127.0.0.1", unused_tcp_port, sender=SENDER).send(MAIL)
    assert not failed.value.is_final
    writers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _reader, writer: writers.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    with pytest.raises(DeliveryFailed):
        await SMTPMailer("127.0.0.1", port, sender=SENDER, timeout=0.2).send(MAIL)
    silent.close()
    for writer in writers:
        writer.close()


async def test_a_folder_gets_one_whole_private_file_each(tmp_path: Path) -> None:
    mailer = open_mailer(f"file://{tmp_path}", sender=SENDER)
    await asyncio.gather(*(mailer.send(MAIL) for _ in range(3)))
    files = list(tmp_path.iterdir())
    assert [file.suffix for file in files] == [".eml"] * 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert message_from_bytes(files[0].read_bytes(), policy=default)["To"] == "ann@example.com"
    with pytest.raises(DeliveryFailed):
        await mailer.send(replace(MAIL, to="a@b\nX: y"))


async def test_the_console_shows_the_mail(capsys: pytest.CaptureFixture[str]) -> None:
    await open_mailer("console", sender=SENDER).send(MAIL)
    assert "ann@example.com: A subject" in capsys.readouterr().err
