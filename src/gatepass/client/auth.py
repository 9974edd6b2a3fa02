"""For applications that keep their own client: an `auth=` for it, and a function that gives it our layers.

    auth = GatepassAuth("https://api.example.com/auth")
    auth.sign_in("ann@example.com", password)
    httpx2.get("https://api.example.com/me", auth=auth)

The auth is the session layer itself, driven by httpx2 or httpx instead of by us. It calls the auth endpoints over
connections of its own: the refresh cookie never enters your client's jar, and a lost answer is noticed, while httpx2
does not tell an `auth=` of network errors.
"""

import asyncio
import weakref
from collections.abc import AsyncGenerator, Generator
from typing import Any, TypeVar, Unpack

from gatepass.client.aio import AsyncClient
from gatepass.client.base import BaseClient, HttpxOptions, OwnOptions, split_options
from gatepass.client.body_replay import remember_start
from gatepass.client.flow import Call, Transmit, advance, advance_async, transmit
from gatepass.client.http import LIBRARIES, Auth, httpx, library_among, library_of
from gatepass.client.layers.session import SessionLayer
from gatepass.client.session.mail_code import MailCode
from gatepass.client.session.second_step import SecondStep
from gatepass.client.session.session import CodeMethod, Session
from gatepass.client.storage.base import Storage
from gatepass.client.storage.record import Account
from gatepass.client.sync import Client

Owned = TypeVar("Owned", httpx.Client, httpx.AsyncClient)


class GatepassAuth(Auth):
    """Adds the access token, and refreshes it, for any client of httpx2 or httpx, sync or async.

    `auth_url`: the whole address of the auth endpoints. Tokens go to its origin and to that of `base_url`, to no
    other. `session`: one to share; by default a new one, kept in `storage`. `options` (verify, proxy, timeout …) are
    for the calls to the auth endpoints; `async_transport` is their `transport` on an event loop. These calls are made
    with the library of `options`, else with that of the client that this auth is used in.
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
        self._options = options
        self._async_options: HttpxOptions = {**options, "transport": async_transport}
        library = library_among(options) or library_among(self._async_options) or httpx
        first: Client = Client.kinds[library.__name__](
            auth_url=auth_url, session=session, storage=storage, **_bare(library, options)
        )
        self.session: Session = first.session
        self._clients: dict[str, Client] = {library.__name__: first}
        self._loops: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()
        self._client = first
        self._layer = SessionLayer(self.session, base_url)

    def sign_in(self, email: str, password: str, *, remember: bool = True) -> Account:
        """As `Client.sign_in`. Blocks: on an event loop, call it in a thread."""
        account: Account = self._client.sign_in(email, password, remember=remember)
        return account

    def sign_in_by_code(self, ticket: str, code: str, *, method: CodeMethod = "totp") -> Account:
        """As `Client.sign_in_by_code`."""
        account: Account = self._client.sign_in_by_code(ticket, code, method=method)
        return account

    def step_up(self) -> SecondStep:
        """As `Client.step_up`."""
        step: SecondStep = self._client.step_up()
        return step

    def request_mail_code(self, email: str, *, again: str | None = None) -> MailCode:
        """As `Client.request_mail_code`."""
        asked: MailCode = self._client.request_mail_code(email, again=again)
        return asked

    def sign_in_by_mail_code(self, ticket: str, code: str, *, remember: bool = True) -> Account:
        """As `Client.sign_in_by_mail_code`."""
        account: Account = self._client.sign_in_by_mail_code(ticket, code, remember=remember)
        return account

    def sign_out(self, *, everywhere: bool = False) -> None:
        """As `Client.sign_out`. Blocks: on an event loop, call it in a thread."""
        self._client.sign_out(everywhere=everywhere)

    def sync_auth_flow(  # type: ignore[override] # see Auth
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """The flow that the `Client` of either library runs: it sends the requests that this yields."""
        remember_start(request)
        flow = self._layer(Call(request), transmit)
        driver = self._client_for(request)
        try:
            step = advance(flow, driver, until=Transmit)
            while isinstance(step, Transmit):
                response = yield step.call.request
                step = advance(flow, driver, response, until=Transmit)
        finally:
            flow.close()

    async def async_auth_flow(  # type: ignore[override] # see Auth
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The flow that the `AsyncClient` of either library runs."""
        remember_start(request)
        flow = self._layer(Call(request), transmit)
        driver = self._async_client_for(request)
        try:
            step = await advance_async(flow, driver, until=Transmit)
            while isinstance(step, Transmit):
                response = yield step.call.request
                step = await advance_async(flow, driver, response, until=Transmit)
        finally:
            flow.close()

    def _client_for(self, request: httpx.Request) -> Client:
        """The client for the auth endpoints, of the request's library unless the options are of another one."""
        library = library_among(self._options) or library_of(request) or httpx
        client: Client | None = self._clients.get(library.__name__)
        if client is None:
            made: Client = Client.kinds[library.__name__](session=self.session, **_bare(library, self._options))
            client = self._clients.setdefault(library.__name__, made)
        return client

    def _async_client_for(self, request: httpx.Request) -> AsyncClient:
        """The same for this event loop: connections belong to one loop."""
        clients = self._loops.setdefault(asyncio.get_running_loop(), {})
        library = library_among(self._async_options) or library_of(request) or httpx
        client: AsyncClient | None = clients.get(library.__name__)
        if client is None:
            client = AsyncClient.kinds[library.__name__](session=self.session, **_bare(library, self._async_options))
            clients[library.__name__] = client
        return client


def _bare(library: Any, options: HttpxOptions) -> dict[str, Any]:
    """Options of a client that only calls the auth endpoints. It is never closed: it must not keep connections."""
    return {"layers": (), "limits": library.Limits(max_keepalive_connections=0), **options}


def with_interceptors(client: Owned, **options: Unpack[OwnOptions]) -> Any:
    """Return a `Client` (or `AsyncClient`) with our layers and the connections, cookies and settings of yours.

    It is a client of the library that yours is of. Methods that your client's class overrides are used, below the
    layers. Your own object remains as it was, without layers; closing either closes both. Raises TypeError for a client
    of ours, for one of neither library, and for an unknown option.
    """
    _, unknown = split_options(options)
    if unknown:
        raise TypeError(f"with_interceptors() has no option {next(iter(unknown))!r}.")
    if isinstance(client, BaseClient):
        raise TypeError("This client already has layers.")
    kind, plain = _kind_over(client)
    own = type(client)
    bases = (kind,) if own is plain else (kind, own)
    layered: Any = object.__new__(kind if len(bases) == 1 else type(own.__name__, bases, {}))
    layered.__dict__ = client.__dict__
    layered._configure(client.base_url, client.timeout, options=options)
    return layered


def _kind_over(client: object) -> tuple[type[Any], type[Any]]:
    """Our kind of client for a client of either library, and the library's own. Raises TypeError for another object."""
    for library in LIBRARIES:
        for ours, plain in ((Client, library.Client), (AsyncClient, library.AsyncClient)):
            if isinstance(client, plain):
                return ours.kinds[library.__name__], plain
    names = " or ".join(library.__name__ for library in LIBRARIES)
    raise TypeError(f"This is no client of {names}: {type(client).__module__}.{type(client).__qualname__}.")
