"""The HTTP libraries of the client (`library.py` finds them). All other files import `httpx`, the default, from here.

httpx2 is the continuation of httpx by its users' largest projects; both have the same names. `sys.modules` is not
touched: a library must not change what its user's `import httpx` means. What must be of both libraries, where both are
installed, is here: tuples for `except` and `isinstance`, and the bases of classes that either library must recognise.
"""

from collections.abc import Mapping
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gatepass.client.library import load

LIBRARIES = load()

if TYPE_CHECKING:
    import httpx as other
    import httpx2 as httpx
    from httpx2 import HTTPStatusError, TransportError

    class Auth(httpx.Auth, other.Auth):  # type: ignore[misc] # their requests are alike
        """The base of an `auth=` for clients of both."""
else:
    httpx = LIBRARIES[0]

    def _of_both(name: str) -> type:
        """A class that either library takes for its own. Their constructors are alike: one of them is enough."""
        own = [getattr(library, name) for library in LIBRARIES]
        if len(own) == 1:
            return own[0]
        init = own[-1].__init__  # the others would call the next library's without its arguments
        return type(name, tuple(own), {"__init__": init, "__module__": __name__, "__doc__": own[0].__doc__})

    Auth, HTTPStatusError, TransportError = map(_of_both, ("Auth", "HTTPStatusError", "TransportError"))

__all__ = [
    "LIBRARIES",
    "Auth",
    "HTTPStatusError",
    "TransportError",
    "as_answer",
    "bare_request",
    "httpx",
    "library_among",
    "library_of",
]

REQUEST_ERRORS: tuple[type[httpx.RequestError], ...] = tuple(library.RequestError for library in LIBRARIES)
TRANSPORT_ERRORS: tuple[type[httpx.TransportError], ...] = tuple(library.TransportError for library in LIBRARIES)
UNSUPPORTED: tuple[type[httpx.UnsupportedProtocol], ...] = tuple(lib.UnsupportedProtocol for lib in LIBRARIES)
HOPELESS: tuple[type[httpx.RequestError], ...] = (
    *UNSUPPORTED,
    *(library.TooManyRedirects for library in LIBRARIES),
)
"""What another attempt does not change: the address is wrong."""
REQUESTS: tuple[type[httpx.Request], ...] = tuple(library.Request for library in LIBRARIES)
STATUS_ERRORS: tuple[type[httpx.HTTPStatusError], ...] = tuple(library.HTTPStatusError for library in LIBRARIES)
RESPONSES: tuple[type[httpx.Response], ...] = tuple(library.Response for library in LIBRARIES)
BYTE_STREAMS: tuple[type[httpx.ByteStream], ...] = tuple(library.ByteStream for library in LIBRARIES)
CLIENT_DEFAULTS: tuple[Any, ...] = tuple(library.USE_CLIENT_DEFAULT for library in LIBRARIES)
"""What `auth=` and `follow_redirects=` are where the caller gave none."""


def library_of(thing: object) -> Any:
    """The library whose class `thing` is an instance of; None for an object of neither, and for one of both."""
    homes = {kind.__module__.partition(".")[0] for kind in type(thing).__mro__}
    found = [library for library in LIBRARIES if library.__name__ in homes]
    return found[0] if len(found) == 1 else None


def library_among(options: Mapping[str, Any]) -> Any:
    """The library of the objects among a client's arguments; None if they are of neither.

    Raises TypeError where one argument is of httpx and another of httpx2.
    """
    found: dict[str, ModuleType] = {}
    for value in [*options.values(), *(options.get("mounts") or {}).values()]:
        library = library_of(value)
        if library is not None:
            found[library.__name__] = library
    if len(found) > 1:
        raise TypeError("A client is one of httpx2 or of httpx: give it a transport and settings of the same library.")
    return next(iter(found.values()), None)


def bare_request(method: str, url: Any, *, like: object) -> httpx.Request:
    """A request without headers and body, of the library of another request or response."""
    request: httpx.Request = (library_of(like) or httpx).Request(method, url)
    return request


def as_answer(response: httpx.Response, *, to: httpx.Request) -> httpx.Response:
    """A response that a handler of the application made, with the request and the elapsed time that callers read.

    httpx sets both when an answer arrives, and raises RuntimeError from `url`, `raise_for_status` and `elapsed` where
    they are missing. A response that has a request stays as it is.
    """
    try:
        _ = response.request
    except RuntimeError:
        response.request = to
        response.elapsed = timedelta(0)
    return response
