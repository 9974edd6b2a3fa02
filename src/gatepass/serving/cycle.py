"""One request and its response: uvicorn's, with a quick way to write the head of the usual response.

uvicorn looks through each name and each value of a head by patterns, which takes a tenth of a refresh. Here a head that
declares its length is checked in one look: it has no control characters but tabs and our line ends (RFC 9110 §5.5), and
names that were looked through before are known. Every other head (streams, HEAD, a `Connection` of the application's
own, what is refused here) is written or refused by uvicorn.
"""

import asyncio
import functools
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HEADER_RE, STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

_CONTROLS = bytes(code for code in range(0x20) if code != 0x09) + b"\x7f"


class Cycle(RequestResponseCycle):
    """What uvicorn makes of one request: the messages between application and connection."""

    async def send(self, message: Any) -> None:
        """Called by the application with each message of its response (ASGI 3)."""
        if message["type"] != "http.response.start" or not self._write_head(message["status"], message.get("headers")):
            await super().send(message)

    def _write_head(self, status: int, own: object) -> bool:
        """Write a usual head. Returns False for any other: nothing has happened then."""
        if not isinstance(own, list):  # any iterable is allowed, and uvicorn must have it whole
            return False
        headers = [*self.default_headers, *own]
        fields = dict(reversed(headers))  # of two lengths the first counts, as with uvicorn
        length = fields.get(b"content-length", b"")
        if self.response_started or self.disconnected or self.flow.write_paused or not self.keep_alive:
            return False
        if not length.isdigit() or self.scope["method"] == "HEAD" or not all(map(_is_usual, fields)):
            return False
        lines = [name + b": " + value for name, value in headers]
        head = STATUS_LINE[status] + b"\r\n".join(lines) + b"\r\n\r\n"
        if len(head.translate(None, _CONTROLS)) != len(head) - 2 * (len(lines) + 2):
            return False
        self.response_started, self.waiting_for_100_continue = True, False
        self.chunked_encoding, self.expected_content_length = False, int(length)
        self.transport.write(head)
        return True


def cycle_of(protocol: HttpToolsProtocol, *, is_last: bool) -> Cycle:
    """The request whose head a connection has read, with its scope as uvicorn fills it.

    `is_last`: the connection ends with the response.
    """
    parser, root, scope = protocol.parser, protocol.root_path, protocol.scope
    url, version = httptools.parse_url(protocol.url), parser.get_http_version()
    path = url.path.decode("ascii")
    scope["method"] = parser.get_method().decode("ascii")
    scope["http_version"] = version
    scope["path"] = root + (unquote(path) if "%" in path else path)
    scope["raw_path"] = root.encode("ascii") + url.path
    scope["query_string"] = url.query or b""
    return Cycle(
        scope=scope,
        transport=protocol.transport,
        flow=protocol.flow,
        logger=protocol.logger,
        access_logger=protocol.access_logger,
        access_log=False,
        default_headers=protocol.server_state.default_headers,
        message_event=asyncio.Event(),
        expect_100_continue=protocol.expect_100_continue,
        keep_alive=version != "1.0" and parser.should_keep_alive() and not is_last,
        on_response=protocol.on_response_complete,
    )


@functools.lru_cache(1024)
def _is_usual(name: bytes) -> bool:
    """Whether a field has a name as uvicorn lets it pass, and says nothing of how the response ends."""
    return name.islower() and HEADER_RE.search(name) is None and name not in (b"connection", b"transfer-encoding")
