"""Whether the cookies of a sign-in were sent: a guard sees each response, and tells of cookies that were lost.

A framework may throw a response away, with everything that was put onto it: the one that FastAPI injects, where the
route returns another; that of a view which raises afterwards. The person is signed in for the server alone then, and
nothing would say so.
"""

from collections.abc import Callable, Iterable
from typing import Any

from gatepass.core.event import CookiesLost

DELIVERY = "gatepass.delivery"
"""The key of the Delivery in the environ of a request, for guards that see the response as an object."""
Tell = Callable[[CookiesLost], None]

_NOT_PUT = "Return signed_in.onto(response): the response needs the cookies of the session."
_NOT_SENT = (
    "Another response was sent than the one that signed_in.onto(response) had: return that one. FastAPI takes the "
    "headers of an injected Response only where the route returns no response of its own; an error after the sign-in "
    "makes a response of its own in every framework, so sign in last."
)


class Delivery:
    """The one refresh cookie that a response must have. No repr shows it."""

    __slots__ = ("_cookie", "_is_over", "_lost", "_tell", "is_put", "is_watched")

    def __init__(self, set_cookie: str, *, lost: Callable[[str], CookiesLost], tell: Tell) -> None:
        """`set_cookie` is the value of the header; `lost` makes the event, of what is to be done."""
        self._cookie = _pair(set_cookie)
        self._lost = lost
        self._tell = tell
        self._is_over = False
        self.is_put = False
        """Whether the application has put the cookies onto some response."""
        self.is_watched = False
        """Whether a guard will see the response."""

    def see(self, headers: Iterable[tuple[Any, Any]]) -> None:
        """Be told the headers of a response, texts or bytes, whose head goes out."""
        for name, value in headers:
            if _text(name).lower() == "set-cookie" and _pair(_text(value)) == self._cookie:
                self._is_over = True

    def close(self) -> None:
        """The request is over: tell once of cookies that no response had."""
        if not self._is_over:
            self._is_over = True
            self._tell(self._lost(_NOT_SENT if self.is_put else _NOT_PUT))


def _pair(set_cookie: str) -> str:
    return set_cookie.partition(";")[0]


def _text(text: str | bytes) -> str:
    return text.decode("latin-1") if isinstance(text, bytes) else text
