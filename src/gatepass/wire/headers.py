"""Request headers as they stand on the wire, and the bearer token among them.

ASGI gives a list of byte pairs. A security decision must see a header that came twice, so nothing here joins
or drops repetitions: `one` refuses them, `all` shows them. Most requests have none, and are kept as one dictionary.
"""

from collections.abc import Iterable, Iterator, Sequence

from gatepass.errors import InvalidToken, TokenRequired

RawHeaders = Iterable[tuple[bytes, bytes]]


class Headers:
    """A look-up over raw headers; names are lower case."""

    __slots__ = ("_repeated", "_values")

    def __init__(self, raw: RawHeaders) -> None:
        pairs = list(raw)
        self._values = dict(pairs)
        """Of each name, the last value."""
        self._repeated = {} if len(self._values) == len(pairs) else _repeated(pairs)

    def __contains__(self, name: bytes) -> bool:
        return name in self._values

    def first(self, name: bytes) -> str | None:
        """The first value, or None."""
        value = self._repeated[name][0] if name in self._repeated else self._values.get(name)
        return None if value is None else value.decode("latin-1")

    def all(self, name: bytes) -> list[str]:
        """Every value, in order."""
        if name in self._repeated:
            return [value.decode("latin-1") for value in self._repeated[name]]
        value = self._values.get(name)
        return [] if value is None else [value.decode("latin-1")]

    def last_of_each(self) -> Iterator[tuple[str, str]]:
        """Every name with its last value."""
        return ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self._values.items())

    def one(self, name: bytes) -> str | None:
        """The value of a header that came exactly once; None if absent, "" if it came more than once."""
        if name in self._repeated:
            return ""
        value = self._values.get(name)
        return None if value is None else value.decode("latin-1")


def _repeated(pairs: Sequence[tuple[bytes, bytes]]) -> dict[bytes, list[bytes]]:
    """All values of each name that came more than once."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values for name, values in found.items() if len(values) > 1}


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
