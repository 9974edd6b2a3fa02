"""For people who keep their own client: an `auth=` for httpx2, and a function that gives a client our layers.

    auth = GatepassAuth("https://api.example.com/auth")
    auth.sign_in("ann@example.com", password)
    httpx2.get("https://api.example.com/me", auth=auth)

The auth is the session layer itself, driven by httpx2 instead of by us. Its calls to the auth endpoints go over a
connection of its own, so that the refresh cookie never enters your client's jar, and a lost one is seen: httpx2 tells
an `auth=` nothing of network errors.
"""

import asyncio
import weakref
from collections.abc import AsyncGenerator, Generator
from typing import Any, TypeVar

from gatepass.client.aio import AsyncClient
from gatepass.client.body_replay import remember_start
from gatepass.client.flow import Call, Transmit, advance, advance_async, transmit
from gatepass.client.http import httpx
from gatepass.client.layers.session import SessionLayer
from gatepass.client.session.session import Session
from gatepass.client.storage.base import Storage
from gatepass.client.storage.record import Account
from gatepass.client.sync import Client

Owned = TypeVar("Owned", httpx.Client, httpx.AsyncClient)


class GatepassAuth(httpx.Auth):
    """Bearer token and refresh for any httpx2 client, sync or async.

    `auth_url` is the whole address of the auth endpoints; tokens go to its origin alone, and to that of `base_url`.
    Give a `session` to share one, or a `storage`. `arguments` (verify, proxy, timeout …) are for the calls to the
    auth endpoints; `async_transport` is the `transport` of those from an event loop.
    """

    def __init__(
        self,
        auth_url: str,
        *,
        base_url: str = "",
        session: Session | None = None,
        storage: Storage | None = None,
        async_transport: Any = None,
        **arguments: Any,
    ) -> None:
        limits = httpx.Limits(max_keepalive_connections=0)  # nobody closes it: it shall leave nothing open
        self._arguments = {"limits": limits, **arguments}
        self._async_transport = async_transport
        self._client = Client(auth_url=auth_url, session=session, storage=storage, layers=(), **self._arguments)
        self._clients: weakref.WeakKeyDictionary[Any, AsyncClient] = weakref.WeakKeyDictionary()
        self.session = self._client.session
        self._layer = SessionLayer(self.session, base_url)

    def sign_in(self, email: str, password: str, *, remember: bool = True) -> Account:
        """As `Client.sign_in`; from a thread."""
        return self._client.sign_in(email, password, remember=remember)

    def sign_out(self, *, everywhere: bool = False) -> None:
        """As `Client.sign_out`; from a thread."""
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
        """That of this event loop: connections belong to one."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            arguments = {**self._arguments, "transport": self._async_transport}
            client = self._clients[loop] = AsyncClient(session=self.session, layers=(), **arguments)
        return client


def with_interceptors(client: Owned, **options: Any) -> Any:
    """Your client with our layers: a `Client` (or `AsyncClient`) of the same connections, cookies and settings.

    `options` are those of `Client` that httpx2 does not know. What your client's class overrides stays: it goes below
    the layers. Your own object stays as it was, without layers; closing either closes both.
    """
    kind: type[Any] = Client if isinstance(client, httpx.Client) else AsyncClient
    if isinstance(client, kind):
        raise TypeError("This client has its layers already.")
    own = type(client)
    bases = (kind,) if own in (httpx.Client, httpx.AsyncClient) else (kind, own)
    layered: Any = object.__new__(kind if len(bases) == 1 else type(own.__name__, bases, {}))
    layered.__dict__ = client.__dict__
    layered._configure(base_url=client.base_url, timeout=client.timeout, **options)
    return layered
