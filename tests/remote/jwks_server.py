"""A server for one document on loopback, http or https. It counts requests, and a test may script its responses."""

import contextlib
import datetime
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tools.services.patience import PATIENCE

Respond = Callable[[BaseHTTPRequestHandler], None]


class Published:
    """The document at the URL. `asked` counts requests; `respond` may replace the usual response."""

    def __init__(self, document: bytes) -> None:
        self.document = document
        self.asked = 0
        self.paths: list[str] = []
        self.respond: Respond | None = None
        self.url = ""
        self._came = threading.Condition()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        with self._came:
            self.asked += 1
            self.paths.append(handler.path)
            self._came.notify_all()
        if self.respond is not None:
            self.respond(handler)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(self.document)))
        handler.end_headers()
        handler.wfile.write(self.document)

    def wait_for(self, count: int) -> None:
        """Return once `count` requests have come."""
        with self._came:
            assert self._came.wait_for(lambda: self.asked >= count, timeout=PATIENCE)


@contextlib.contextmanager
def publish(document: bytes, *, context: ssl.SSLContext | None = None) -> Iterator[Published]:
    """Serve a document, over https if there is a `context`."""
    published = Published(document)

    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE

        def do_GET(self) -> None:
            published.answer(self)

        def log_message(self, *_args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # some tests make clients disconnect

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    published.url = f"http{'s' if context else ''}://localhost:{server.server_port}/auth/jwks.json"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield published
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def certificate(folder: Path, name: str = "localhost") -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS context for a host, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = (
        [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        if name == "localhost"
        else [x509.DNSName(name)]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))
