"""A rediss:// store connects to no server whose certificate it cannot trust."""

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gatepass.errors import ConfigurationError
from gatepass.stores.redis.store import RedisStore
from tools.services.valkey import shared_server

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def over_tls(folder: Path) -> AsyncIterator[int]:
    """A port that speaks TLS for the shared server; its certificate is at `folder`/cert.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    flows: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", shared_server().port)
        flows.update(asyncio.create_task(pump(*pair)) for pair in ((reader, back), (there, writer)))

    listener = await asyncio.start_server(connect, "127.0.0.1", 0, ssl=context)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await asyncio.gather(*flows)


async def test_over_tls_a_certificate_must_be_trusted_and_bear_the_name(tmp_path: Path) -> None:
    async with over_tls(tmp_path) as port:
        trusted = f"ssl_ca_certs={tmp_path}/cert.pem"
        for host, options in (("localhost", trusted), ("127.0.0.1", "ssl_cert_reqs=none")):
            store = RedisStore(f"rediss://{host}:{port}?{options}")
            await store.open()
            await store.ping()
            await store.close()
        for host, options in (("localhost", "wait=0"), ("127.0.0.1", trusted)):
            with pytest.raises(ConfigurationError, match="certificate is not trusted"):
                await RedisStore(f"rediss://{host}:{port}?{options}").open()
