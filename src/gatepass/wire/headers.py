"""Request headers as they stand on the wire, and the bearer token among them.

ASGI gives a list of byte pairs. A security decision must see a header that came twice, so nothing here joins
or drops repetitions: `one` refuses them, `all` shows them.
"""

from collections.abc import Iterable, Iterator

from gatepass.errors import InvalidToken, TokenRequired

RawHeaders = Iterable[tuple[bytes, bytes]]


class Headers:
    """A look-up over raw headers; names are lower case."""

    __slots__ = ("_values",)

    def __init__(self, raw: RawHeaders) -> None:
        self._values: dict[bytes, list[bytes]] = {}
        for name, value in raw:
            self._values.setdefault(name, []).append(value)

    def __contains__(self, name: bytes) -> bool:
        return name in self._values

    def first(self, name: bytes) -> str | None:
        """The first value, or None."""
        values = self._values.get(name)
        return values[0].decode("latin-1") if values else None

    def all(self, name: bytes) -> list[str]:
        """Every value, in order."""
        return [value.decode("latin-1") for value in self._values.get(name, ())]

    def last_of_each(self) -> Iterator[tuple[str, str]]:
        """Every name with its last value."""
        return ((name.decode("latin-1").lower(), values[-1].decode("latin-1")) for name, values in self._values.items())

    def one(self, name: bytes) -> str | None:
        """The value of a header that came exactly once; None if absent, "" if it came more than once."""
        values = self._values.get(name, ())
        if len(values) > 1:
            return ""
        return values[0].decode("latin-1") if values else None


def bearer_of(authorizations: list[str]) -> str:
    """The token of the Authorization headers (RFC 6750 §2.1): header only, scheme in any case, exactly one.

    Raises TokenRequired without a bearer header, InvalidToken for more than one Authorization header.
    """
    if len(authorizations) > 1:
        raise InvalidToken("several Authorization headers")
    scheme, _, token = (authorizations[0] if authorizations else "").partition(" ")
    if scheme.lower() != "bearer":
        raise TokenRequired
    return token.strip(" ")
