"""The HTTP library of the client (`library.py` chooses it). All other files import `httpx` from here.

httpx2 is the continuation of httpx by its users' largest projects; both have the same names. `sys.modules` is not
touched: a library must not change what its user's `import httpx` means.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from gatepass.client.library import load

if TYPE_CHECKING:
    import httpx2 as httpx
else:
    httpx = load()

__all__ = ["as_answer", "httpx"]


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
