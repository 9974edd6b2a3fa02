"""What a sync and an async client have in common: a session, and the chain of layers that calls travel through.

Default order, outermost first:

    loading ( logging ( interceptors ( errors ( retry ( session ( transmit ))))))

So a user's interceptors run once per call and see typed errors; retries and refreshes happen inside of that, and one
call counts once in an indicator and in the log. `loading` is there if it was given.
"""

import asyncio
import threading
from collections.abc import Sequence
from logging import Logger
from typing import Any

from gatepass.client.flow import Layer, Next, compose
from gatepass.client.http import httpx
from gatepass.client.layers.call_log import CallLog
from gatepass.client.layers.error_handlers import ErrorHandlers, Handler
from gatepass.client.layers.interceptors import Interceptors
from gatepass.client.layers.retry import Retry
from gatepass.client.layers.session import SessionLayer
from gatepass.client.session.session import TIMEOUT, Ended, Session, join_url
from gatepass.client.storage.base import Storage

CALL_LOGGER = "gatepass.client.calls"
DEFAULT_RETRY: Layer = Retry()
ONCE: Layer = Retry(attempts=1)
"""For a client that knows no API: it does what httpx2 does, unless a call wants it otherwise."""


class BaseClient:
    """The part of a client that is ours."""

    session: Session
    interceptors: Interceptors
    errors: ErrorHandlers
    retry: Layer | None
    loading: Layer | None
    call_log: Layer | None
    _chain: Next
    _layers: tuple[Layer, ...]
    _tasks: set[asyncio.Task[None]]
    _threads: set[threading.Thread]

    def _configure(
        self,
        *,
        base_url: httpx.URL,
        timeout: httpx.Timeout,
        auth_url: str = "/auth",
        session: Session | None = None,
        storage: Storage | None = None,
        retry: Layer | None = DEFAULT_RETRY,
        loading: Layer | None = None,
        logger: Logger | str | None = CALL_LOGGER,
        raise_errors: bool = False,
        on_ended: Ended | None = None,
        layers: Sequence[Layer] | None = None,
    ) -> None:
        """Give the client its parts."""
        if session is not None and storage is not None:
            raise TypeError("Give a session or a storage: the session has one.")
        if session is not None and on_ended is not None:
            raise TypeError("Give on_ended to the session: it is told once, not by each client.")
        self.session = session or Session(
            join_url(base_url, auth_url), storage=storage, timeout=_longest(timeout), on_ended=on_ended
        )
        is_bare = not base_url.host and session is None
        self.retry = ONCE if retry is DEFAULT_RETRY and is_bare else retry
        self.loading = loading
        self.call_log = None if logger is None else CallLog(logger)
        self.interceptors = Interceptors()
        self.errors = ErrorHandlers(raises=raise_errors)
        self._tasks = set()
        self._threads = set()
        self.layers = default_layers(self) if layers is None else layers

    def on_error(self, status: int | str, handler: Handler | None = None) -> Handler:
        """Call `handler(error)` for answers of this status (404), or class ("5xx"): once per call, after retries.

        It may return a response, which the caller gets, or raise. Without a handler: a decorator.
        """
        if handler is None:
            return lambda function: self.on_error(status, function)
        self.errors.on(status, handler)
        return handler

    @property
    def layers(self) -> Sequence[Layer]:
        """The chain, outermost first. Another one may be set at any time: calls under way keep theirs."""
        return self._layers

    @layers.setter
    def layers(self, layers: Sequence[Layer]) -> None:
        self._layers = tuple(layers)
        self._chain = compose(self._layers)


def default_layers(client: Any) -> list[Layer]:
    """The layers that a client has by default, outermost first, made anew for it."""
    session = SessionLayer(client.session, client.base_url)
    chain = [client.loading, client.call_log, client.interceptors, client.errors, client.retry, session]
    return [layer for layer in chain if layer is not None]


def _longest(timeout: httpx.Timeout) -> float:
    """For each phase of a call to the auth endpoints: as long as the client's longest, but never for ever."""
    phases = [timeout.connect, timeout.read, timeout.write]
    return min(max((phase for phase in phases if phase), default=TIMEOUT), 60.0)
