"""The root of all errors, and of those that have an HTTP answer."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

Fact = str | int | Sequence[str] | Sequence[Mapping[str, str]]
Headers = Mapping[str, str]


class GatepassError(Exception):
    """The root: `except GatepassError` catches every error that this package raises on purpose."""


class ConfigurationError(GatepassError):
    """The configuration cannot be used. The message names every fault found and what to do about it."""


class DeliveryFailed(GatepassError):
    """A mail was not accepted. `is_final`: another attempt cannot succeed. The message names no address."""

    def __init__(self, why: str, *, is_final: bool = False) -> None:
        super().__init__(why)
        self.is_final = is_final


class Problem(GatepassError):
    """An error with an HTTP answer (RFC 9457).

    `code` is stable, and what a client distinguishes by; `detail` is a sentence for people; `facts` are further
    members of the document; `headers` are sent with the answer.
    """

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Bad request"

    def __init__(
        self, code: str, detail: str, *, facts: Mapping[str, Fact] | None = None, headers: Headers | None = None
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.facts: Mapping[str, Fact] = facts or {}
        self.headers: Headers = headers or {}
