"""Responses to requests that no application sees: each is whole, short, and the last one of its connection."""

from http import HTTPStatus

from gatepass.errors import Problem
from gatepass.wire.problems import MEDIA_TYPE, document

UNREADABLE = "Invalid HTTP request received."


class BeyondLimits(Problem):
    """400, 408, 414 or 431: a request that was refused before any application saw it."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status  # type: ignore[misc]
        code, self.title = _KINDS[status]  # type: ignore[misc]
        super().__init__(code, sentence)


_KINDS = {
    400: ("malformed-request", "Bad request"),
    408: ("request-timeout", "Request timeout"),
    414: ("uri-too-long", "URI too long"),
    431: ("head-too-large", "Request header fields too large"),
}
"""Status → code and title. The phrases of Python change with its version."""


def response(problem: Problem) -> bytes:
    """A whole response that ends its connection."""
    body = document(problem)
    lines = [
        f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}",
        f"content-type: {MEDIA_TYPE}",
        f"content-length: {len(body)}",
        "cache-control: no-store",
        *(f"{name.lower()}: {value}" for name, value in problem.headers.items()),
        "connection: close",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def unreadable() -> bytes:
    """The response to what is no HTTP, in plain text: no client of these endpoints sends it."""
    head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {len(UNREADABLE)}"
    return f"{head}\r\nconnection: close\r\n\r\n{UNREADABLE}".encode()
