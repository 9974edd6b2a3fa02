"""For applications that keep their own client: an `auth=` for httpx2, and a function that gives a client our layers.

    auth = GatepassAuth("https://api.example.com/auth")
    auth.sign_in("ann@example.com", password)
    httpx2.get("https://api.example.com/me", auth=auth)

The auth is the session layer itself, driven by httpx2 instead of by us. It calls the auth endpoints over connections of
its own: the refresh cookie never enters your client's jar, and a lost answer is noticed, while httpx2 does not tell an
`auth=` of network errors.
"""

import asyncio
import weakref
from collections.abc import AsyncGenerator, Generator
from typing import Any, TypeVar, Unpack

from gatepass.client.aio import AsyncClient
from gatepass.client.base import HttpxOptions, OwnOptions, split_options
from gatepass.client.body_replay import remember_start
from gatepass.client.flow import Call, Transmit, advance, advance_async, drive, transmit
from gatepass.client.http import httpx
from gatepass.client.layers.session import SessionLayer
from gatepass.client.session.session import Session
from gatepass.client.storage.base import Storage
from gatepass.client.storage.record import Account
from gatepass.client.sync import Client
from gatepass.core.secret import Secret

Owned = TypeVar("Owned", httpx.Client, httpx.AsyncClient)


class GatepassAuth(httpx.Auth):
    """Adds the access token, and refreshes it, for any httpx2 client, sync or async.

    `auth_url`: the whole address of the auth endpoints. Tokens go to its origin and to that of `base_url`, to no
    other. `session`: one to share; by default a new one, kept in `storage`. `options` (verify, proxy, timeout …) are
    for the calls to the auth endpoints; `async_transport` is their `transport` on an event loop.
    """

    def __init__(
        self,
        auth_url: str,
        *,
        base_url: str = "",
        session: Session | None = None,
        storage: Storage | None = None,
        async_transport: Any = None,
        **options: Unpack[HttpxOptions],
    ) -> None:
        limits = httpx.Limits(max_keepalive_connections=0)  # an auth is never closed: it must not keep connections
        self._options: HttpxOptions = {"limits": limits, **options}
        self._async_transport = async_transport
        self._client = Client(auth_url=auth_url, session=session, storage=storage, layers=(), **self._options)
        self._clients: weakref.WeakKeyDictionary[Any, AsyncClient] = weakref.WeakKeyDictionary()
        self.session = self._client.session
        self._layer = SessionLayer(self.session, base_url)

    def sign_in(self, email: str, password: str, *, remember: bool = True) -> Account:
        """As `Client.sign_in`. Blocks: on an event loop, call it in a thread."""
        flow = self.session.sign_in(email, Secret(password), remember=remember)
        del password  # crash reports show local variables
        return drive(flow, self._client)

    def sign_out(self, *, everywhere: bool = False) -> None:
        """As `Client.sign_out`. Blocks: on an event loop, call it in a thread."""
        self._client.sign_out(everywhere=everywhere)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The flow that httpx2's `Client` runs: it sends the requests that this yields."""
        remember_start(request)
        flow = self._layer(Call(request), transmit)
        try:
            step = advance(flow, self._client, until=Transmit)
            while isinstance(step, Transmit):
                response = yield step.call.request
                step = advance(flow, self._client, response, until=Transmit)
        finally:
            flow.close()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The flow that httpx2's `AsyncClient` runs."""
        remember_start(request)
        flow = self._layer(Call(request), transmit)
        try:
            step = await advance_async(flow, self._client_here(), until=Transmit)
            while isinstance(step, Transmit):
                response = yield step.call.request
                step = await advance_async(flow, self._client_here(), response, until=Transmit)
        finally:
            flow.close()

    def _client_here(self) -> AsyncClient:
        """Return the client of this event loop: connections belong to one loop."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            options: HttpxOptions = {**self._options, "transport": self._async_transport}
            client = self._clients[loop] = AsyncClient(session=self.session, layers=(), **options)
        return client


def with_interceptors(client: Owned, **options: Unpack[OwnOptions]) -> Any:
    """Return a `Client` (or `AsyncClient`) with our layers and the connections, cookies and settings of yours.

    Methods that your client's class overrides are used, below the layers. Your own object remains as it was, without
    layers; closing either closes both. Raises TypeError for a client of ours, for one of the other library (httpx where
    httpx2 is installed), and for an unknown option.
    """
    _, unknown = split_options(options)
    if unknown:
        raise TypeError(f"with_interceptors() has no option {next(iter(unknown))!r}.")
    if not isinstance(client, httpx.Client | httpx.AsyncClient):
        raise TypeError(
            f"This client is no {httpx.__name__} client: it is a {type(client).__module__.partition('.')[0]} one. "
            "gatepass.client uses one of the two in a process: see gatepass.client.library.use."
        )
    kind: type[Any] = Client if isinstance(client, httpx.Client) else AsyncClient
    if isinstance(client, kind):
        raise TypeError("This client already has layers.")
    own = type(client)
    bases = (kind,) if own in (httpx.Client, httpx.AsyncClient) else (kind, own)
    layered: Any = object.__new__(kind if len(bases) == 1 else type(own.__name__, bases, {}))
    layered.__dict__ = client.__dict__
    layered._configure(client.base_url, client.timeout, options=options)
    return layered
