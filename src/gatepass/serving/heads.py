"""The heads of requests on one connection, as httptools parses them, and their scopes.

An upgrade is not offered, so a request with `Upgrade` is answered as any other (RFC 9110 §7.8).
"""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from gatepass.serving.flow import Flow


class Heads(Flow):
    """Gathers a head: `url`, `headers` with names in lower case. httptools calls `on_…`."""

    def __init__(self, app_state: Mapping[str, Any]) -> None:
        super().__init__()
        self.parser = _new_parser(self)
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.has_head = False
        """The head of the request under way is complete."""
        self.client: tuple[str, int] | None = None
        self._server: tuple[str, int | None] | None = None
        self._scheme = "http"
        self._app_state = app_state

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note who speaks with whom."""
        self.transport = transport
        self.client, self._server = get_remote_addr(transport), get_local_addr(transport)
        self._scheme = "https" if is_ssl(transport) else "http"

    def parse(self, data: bytes) -> None:
        """Call `on_…` for what the data brings. Raises HttpParserError for what is no HTTP."""
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                # The parser takes body and all that follows for another protocol, which was not offered.
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
                self.parser = _new_parser(self)

    def _head_without_upgrade(self) -> bytes:
        """The head of the request under way as it would be had the client not asked for another protocol."""
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        for name, value in self.headers:
            if name == b"connection":
                value = b",".join(token for token in value.split(b",") if token.strip().lower() != b"upgrade")
            if name != b"upgrade":
                lines.append(name + b": " + value)
        return b"\r\n".join([*lines, b"", b""])

    def is_upgrade(self) -> bool:
        """Whether the parser stops here, and the head comes again as one without an upgrade."""
        return bool(self.parser.should_upgrade()) and self.parser.get_method() != b"CONNECT"

    def expects_continue(self) -> bool:
        """Whether the client waits for a 100 before it sends the body."""
        return any(name == b"expect" and value.lower() == b"100-continue" for name, value in self.headers)

    def on_message_begin(self) -> None:
        """Called at the first byte of a request."""
        self.url, self.headers, self.has_head = b"", [], False

    def on_url(self, url: bytes) -> None:
        """Called for each part of the address."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called for each field of a head, and for those behind a chunked body, which are none (RFC 9110 §6.5.1).

        A proxy that sets or strips headers has not seen these.
        """
        if not self.has_head:
            self.headers.append((name.lower(), value))

    def scope(self, version: str) -> dict[str, Any]:
        """The request whose head is complete, as ASGI has it. Raises ValueError for a CONNECT: there are no tunnels."""
        method = self.parser.get_method().decode("ascii")
        if method == "CONNECT":
            raise ValueError("no tunnels")
        url = httptools.parse_url(self.url)
        raw_path = url.path or b"/"  # http://example.com, an absolute address (RFC 9112 §3.2.2)
        path = raw_path.decode("ascii")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": version,
            "server": self._server,
            "client": self.client,
            "scheme": self._scheme,
            "root_path": "",
            "headers": self.headers,
            "state": dict(self._app_state),
            "method": method,
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": url.query or b"",
        }


def _new_parser(connection: Heads) -> Any:
    """Reads on after a request that is the last one: it gets its response before what follows is refused."""
    parser = httptools.HttpRequestParser(connection)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser
