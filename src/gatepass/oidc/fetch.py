"""Requests to a provider: on threads of their own, bounded in number, time and size.

The event loop only waits, and for EXCHANGE_TIMEOUT at most. A thread whose provider hangs goes on until its socket
gives up, and counts until then: a provider that is slow stops neither the others nor the hooks of the application,
which share the threads of the event loop.
"""

import asyncio
import http.client
import threading
from collections.abc import Mapping

from gatepass.core import strict_json
from gatepass.core.secret import Secret, without_frames
from gatepass.core.strict_json import Json
from gatepass.errors import Overloaded, ProviderFailed, ProviderTimeout, ProviderUnavailable
from gatepass.outgoing import Incoming, Outgoing, RemoteUrl, exchange

EXCHANGE_TIMEOUT = 5.0
"""Seconds for one request to a provider. Against what: a person waits before a white page."""
MAX_SIZE = 262_144
"""Bytes of a response. A discovery document has 3,000, a set of keys with its certificates 20,000."""
MAX_AT_ONCE = 16
"""Requests to one provider at the same time; one more is refused."""
Members = dict[str, Json]


class Fetcher:
    """Asks one provider. All methods raise ProviderFailed, or Overloaded."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._running = 0

    async def document(self, url: RemoteUrl) -> Members:
        """A public document of the provider: an object in JSON."""
        return await self.get(url, {})

    async def get(self, url: RemoteUrl, headers: Mapping[str, str | Secret]) -> Members:
        """The object that a GET brings."""
        response = await self.send(Outgoing(url, headers={"Accept": "application/json", **headers}))
        if response.status != 200:
            raise ProviderUnavailable(f"{url} answers {response.status}")
        return members(response, url)

    async def get_list(self, url: RemoteUrl, headers: Mapping[str, str | Secret]) -> list[Json]:
        """The list that a GET brings."""
        response = await self.send(Outgoing(url, headers={"Accept": "application/json", **headers}))
        found = _load(response, url) if response.status == 200 else None
        if not isinstance(found, list):
            raise ProviderUnavailable(f"{url} answers {response.status}, and no list")
        return found

    async def send(self, request: Outgoing) -> Incoming:
        """The response to a request, whatever its status below 500."""
        if self._running >= MAX_AT_ONCE:
            raise Overloaded
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Incoming] = loop.create_future()
        thread = threading.Thread(target=self._work, args=(request, loop, future), name="gatepass-oidc", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the process may have no more threads
            raise Overloaded from None
        self._running += 1
        try:
            async with asyncio.timeout(EXCHANGE_TIMEOUT):
                response = await future
        except TimeoutError:  # a timeout of the socket's too
            raise ProviderTimeout(f"{request.url} does not answer in time") from None
        except (OSError, http.client.HTTPException, ValueError) as fault:
            kind = str(fault) or type(fault).__name__
            raise ProviderUnavailable(f"{request.url}: {kind}") from without_frames(fault)
        if response.status >= 500 or response.status == 429:
            raise ProviderUnavailable(f"{request.url} answers {response.status}")
        return response

    def _work(self, request: Outgoing, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Incoming]) -> None:
        """On a thread: one exchange, whose end the event loop is told."""
        result: Incoming | Exception
        try:
            # Longer than the event loop waits: whether a provider is slow or away is decided there.
            result = exchange(request, timeout=EXCHANGE_TIMEOUT + 1, max_size=MAX_SIZE)
        except Exception as fault:
            result = fault
        try:
            loop.call_soon_threadsafe(self._ended, future, result)
        except RuntimeError:  # the event loop has ended, and what waited there with it
            self._running -= 1

    def _ended(self, future: asyncio.Future[Incoming], result: Incoming | Exception) -> None:
        self._running -= 1
        if future.done():
            return
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


def members(response: Incoming, url: RemoteUrl) -> Members:
    """The object that a response is. Raises ProviderFailed."""
    found = _load(response, url)
    if not isinstance(found, dict):
        raise ProviderFailed(f"{url} answers no object")
    return found


def _load(response: Incoming, url: RemoteUrl) -> Json:
    try:
        return strict_json.load(response.body)
    except ValueError as fault:
        raise ProviderFailed(f"{url} answers no JSON ({fault})") from None
