"""`AsyncClient`: an `httpx2.AsyncClient` whose calls travel through the layers, with a session.

`send` is the one place that sees every call's last response and every exception, whichever method made it.
"""

import asyncio
from collections.abc import Sequence
from logging import Logger
from types import TracebackType
from typing import Any

from gatepass.client.base import CALL_LOGGER, DEFAULT_RETRY, BaseClient
from gatepass.client.body_replay import remember_start
from gatepass.client.call_options import prepare
from gatepass.client.flow import Call, Layer, drive_async
from gatepass.client.http import httpx
from gatepass.client.session.endpoints import exclude_own_cookies
from gatepass.client.session.session import Ended, Session
from gatepass.client.storage.base import Storage
from gatepass.client.storage.record import Account


class AsyncClient(BaseClient, httpx.AsyncClient):
    """An `httpx2.AsyncClient` with a session, interceptors and layers; all arguments of httpx2's work.

    `auth_url`: where the auth endpoints are, joined to the origin of `base_url`. `session`: share that of another
    client; else one is made that is kept in `storage` (default: in memory). `retry` and `loading` are layers that
    have their place in the default chain; `retry` is a `Retry()` for a client with a `base_url` or a session.
    `logger`: where the line about each call goes; None: nowhere. `raise_errors`: answers of 400 and more are
    exceptions. `on_ended` is told once when the session is over. `layers` takes the place of the chain;
    `default_layers(client)` gives the default.
    A session may be shared between event loops; a client
    belongs to one, as httpx2's does. asyncio only.
    """

    def __init__(
        self,
        base_url: Any = "",
        *,
        auth_url: str = "/auth",
        session: Session | None = None,
        storage: Storage | None = None,
        retry: Layer | None = DEFAULT_RETRY,
        loading: Layer | None = None,
        logger: Logger | str | None = CALL_LOGGER,
        raise_errors: bool = False,
        on_ended: Ended | None = None,
        layers: Sequence[Layer] | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(base_url=base_url, **arguments)
        self._configure(
            base_url=self.base_url,
            timeout=self.timeout,
            auth_url=auth_url,
            session=session,
            storage=storage,
            retry=retry,
            loading=loading,
            logger=logger,
            raise_errors=raise_errors,
            on_ended=on_ended,
            layers=layers,
        )

    async def sign_in(self, email: str, password: str, *, remember: bool = True) -> Account:
        """Sign in; a session that there was ends at the server. Not `remember`: it is meant for this run alone.

        Raises Unauthenticated (`invalid-credentials`), TooManyRequests, and httpx's errors where there is no answer.
        """
        return await drive_async(self.session.sign_in(email, password, remember=remember), self)

    async def sign_up(self, email: str, password: str, *, remember: bool = True) -> Account | None:
        """Register and be signed in. None where the server wants the address verified first."""
        return await drive_async(self.session.sign_up(email, password, remember=remember), self)

    async def sign_out(self, *, everywhere: bool = False) -> None:
        """End the session; `everywhere`: every session of the account.

        In effect here at once. Without a network the server is told later, but for `everywhere`, which then raises.
        """
        await drive_async(self.session.sign_out(everywhere=everywhere), self)

    async def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: Any = httpx.USE_CLIENT_DEFAULT,
        follow_redirects: Any = httpx.USE_CLIENT_DEFAULT,
    ) -> httpx.Response:
        """Send a request through the layers."""
        if auth is httpx.USE_CLIENT_DEFAULT and self.auth is not None:
            auth = self.auth
        call = Call(request, stream=stream, auth=auth, follow_redirects=follow_redirects)
        if call.options:
            prepare(call)
        remember_start(request)
        return await drive_async(self._chain(call), self)

    async def aclose(self) -> None:
        """Let what runs beside the calls end, then close the connections."""
        await self._wait()
        await super().aclose()

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self._wait()
        await super().__aexit__(kind, error, trace)

    async def _wait(self) -> None:
        tasks = list(self._tasks)
        if not tasks:
            return
        loop, current = asyncio.get_running_loop(), asyncio.current_task()
        own = [task for task in tasks if task.get_loop() is loop and task is not current]
        if own:
            await asyncio.wait(own)

    async def _transmit(self, call: Call) -> httpx.Response:
        return await super().send(
            call.request, stream=call.stream, auth=call.auth, follow_redirects=call.follow_redirects
        )

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        exclude_own_cookies(self.cookies.jar)
        return await super().send(request, auth=None, follow_redirects=False)
