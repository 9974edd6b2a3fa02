"""A text that crash reports do not show: a password, a token, the password of a database.

Sentry, rich and `traceback.TracebackException(capture_locals=True)` show the `repr` of every local variable between an
unexpected error and the request. So a secret is opaque from where it is read to the function that hashes or parses it:

    await hasher.hash(password.reveal())        an argument: in no local variable of this function
    text = password.reveal()                    never
"""

import hmac


class Secret:
    """An opaque text. No `repr`, format or copy of it shows the text; `reveal` is the one way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "<secret>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(
            *(text.encode("utf-8", "surrogatepass") for text in (self._text, other._text))
        )

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")

    def reveal(self) -> str:
        """The text. Pass it on as an argument; do not put it into a variable."""
        return self._text


def without_frames(error: BaseException) -> BaseException:
    """The error itself, its causes too, without the frames of the library that raised it.

    A driver and an HTTP client keep passwords and headers in local variables, and only its caller knows that.
    """
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        found.__traceback__ = None
        found = found.__cause__ or found.__context__
    return error
