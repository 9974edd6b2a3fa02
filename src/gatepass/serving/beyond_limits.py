"""Responses to requests that no application sees: each is whole, short, and the last one of its connection."""

from http import HTTPStatus

from gatepass.errors import Problem
from gatepass.wire.problems import MEDIA_TYPE, document

UNREADABLE = "Invalid HTTP request received."


class BeyondLimits(Problem):
    """400, 408, 414 or 431: a request that was refused before any application saw it."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status  # type: ignore[misc]
        self.title = HTTPStatus(status).phrase  # type: ignore[misc]
        super().__init__(CODES[status], sentence)


CODES = {400: "malformed-request", 408: "request-timeout", 414: "uri-too-long", 431: "head-too-large"}


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
    """The response to what is no HTTP, in plain text: nobody who speaks to these endpoints sends it."""
    head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {len(UNREADABLE)}"
    return f"{head}\r\nconnection: close\r\n\r\n{UNREADABLE}".encode()
