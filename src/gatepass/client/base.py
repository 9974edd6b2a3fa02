"""What a sync and an async client have in common: options, a session, and the layers that calls pass through.

Default order, outermost first:

    loading ( call_log ( interceptors ( error_handlers ( retry ( session ( transmit ))))))

So interceptors run once per call and see typed errors; retries and refreshes take place below them, and a call counts
once in an indicator and in the log. The layer `loading` is there only if it was given.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from logging import Logger
from typing import Any, ClassVar, Self, TypedDict, cast

from gatepass.client.flow import Layer, Next, compose
from gatepass.client.http import CLIENT_DEFAULTS, LIBRARIES, httpx, library_among
from gatepass.client.layers.call_log import CallLog
from gatepass.client.layers.error_handlers import ErrorHandlers, Handler
from gatepass.client.layers.interceptors import Interceptors
from gatepass.client.layers.retry import Retry
from gatepass.client.layers.session import SessionLayer
from gatepass.client.session.address import join_url
from gatepass.client.session.session import TIMEOUT, Session
from gatepass.client.session.single_flight import BackgroundThreads
from gatepass.client.session.token_source import Ended
from gatepass.client.storage.base import Storage
from gatepass.wire.origin import is_loopback

CALL_LOGGER = "gatepass.client.calls"
MAX_AUTH_TIMEOUT = 60.0
"""Seconds for each phase of a call to the auth endpoints, even if the client's own timeout is longer or None."""
DEFAULT_RETRY: Layer = Retry()
NO_RETRY: Layer = Retry(attempts=1)
"""For a client without an API: it behaves as httpx2, unless a call has options of its own."""


class HttpxOptions(TypedDict, total=False):
    """The arguments of httpx2's clients, except `base_url`. Their meaning and their defaults are httpx2's."""

    auth: Any
    params: Any
    headers: Any
    cookies: Any
    verify: ssl.SSLContext | str | bool
    cert: Any
    trust_env: bool
    http1: bool
    http2: bool
    proxy: Any
    mounts: Any
    timeout: Any
    follow_redirects: bool
    limits: httpx.Limits
    max_redirects: int
    event_hooks: Any
    transport: Any
    default_encoding: Any


class OwnOptions(TypedDict, total=False):
    """What a client takes in addition to httpx2's arguments.

    `auth_url`: where the auth endpoints are, joined to the origin of `base_url` (default: "/auth"; "" counts as not
    given). `session`: the session of another client, to share it; by default a new one, kept in `storage` (default:
    in memory) and with `on_ended`, which is called once when it has ended. `retry` and `loading`: layers with a
    place in the default order; `retry` is by default a `Retry()` if the client has a `base_url` or a `session`, and
    `loading` is None. `logger`: the logger, or its name, for the line about each call (default:
    "gatepass.client.calls"); None: no line. `raise_errors`: raise typed errors for answers of 400 and more
    (default: False). `layers`: all layers, instead of the default order, which `default_layers(client)` returns.
    """

    auth_url: str
    session: Session | None
    storage: Storage | None
    retry: Layer | None
    loading: Layer | None
    logger: Logger | str | None
    raise_errors: bool
    on_ended: Ended | None
    layers: Sequence[Layer] | None


class ClientOptions(HttpxOptions, OwnOptions, total=False):
    """All options of a client, except `base_url`."""


def split_options(options: Mapping[str, Any]) -> tuple[OwnOptions, dict[str, Any]]:
    """Return our options, and all others: httpx2 takes them or raises TypeError."""
    names = OwnOptions.__optional_keys__
    own = {name: value for name, value in options.items() if name in names}
    return cast(OwnOptions, own), {name: value for name, value in options.items() if name not in names}


def direct_to_loopback(base_url: Any, own: OwnOptions, others: dict[str, Any]) -> None:
    """Add the `mounts` by which plain http to this machine goes past the proxies of the environment.

    HTTP_PROXY counts for localhost too, unless NO_PROXY names it: the password and the tokens of a development server
    would cross the network in the clear. A `proxy` or a mount of the caller's own is kept.
    """
    if others.get("proxy") is not None:
        return
    urls = [httpx.URL(str(base_url or "")), httpx.URL(own.get("auth_url") or "")]
    if session := own.get("session"):
        urls.append(httpx.URL(session.auth_url))
    direct = {f"http://{url.netloc.decode()}": None for url in urls if url.scheme == "http" and is_loopback(str(url))}
    if direct:
        others["mounts"] = {**direct, **(others.get("mounts") or {})}


class BaseClient:
    """The part of a client that both clients share."""

    library: Any
    """The HTTP library, httpx2 or httpx, that this client is one of."""
    kinds: ClassVar[Mapping[str, type[Any]]] = {}
    """Of `Client` and `AsyncClient` themselves: the class for each library, by the library's name."""
    session: Session
    interceptors: Interceptors
    error_handlers: ErrorHandlers
    retry: Layer | None
    loading: Layer | None
    call_log: Layer | None
    _chain: Next
    _layers: tuple[Layer, ...]
    _tasks: set[asyncio.Task[None]]
    _threads: BackgroundThreads

    def __new__(cls, *arguments: Any, **options: Any) -> Self:  # noqa: D102 (the reference shows what has a docstring)
        # A client of the library whose objects are given; one of the default where none are.
        library = library_among({"base_url": arguments[0] if arguments else None, **options})
        other = None if library is None else vars(cls).get("kinds", {}).get(library.__name__)
        if other not in (None, cls):
            return cast(Self, other(*arguments, **options))
        return super().__new__(cls)

    def _configure(self, base_url: httpx.URL, timeout: httpx.Timeout, *, options: OwnOptions) -> None:
        """Make the session and the layers. Raises TypeError for options that exclude each other."""
        self.session = _session_of(base_url, timeout, options)
        is_bare = not base_url.host and options.get("session") is None
        self.retry = options.get("retry", NO_RETRY if is_bare else DEFAULT_RETRY)
        self.loading = options.get("loading")
        logger = options.get("logger", CALL_LOGGER)
        self.call_log = None if logger is None else CallLog(logger)
        self.interceptors = Interceptors()
        self.error_handlers = ErrorHandlers(raises=options.get("raise_errors", False))
        self._tasks = set()
        self._threads = BackgroundThreads()
        layers = options.get("layers")
        self.layers = default_layers(self) if layers is None else layers

    def _same_library(self, base_url: Any, others: dict[str, Any]) -> None:
        """Raises TypeError if a client of one library is given the other one's objects."""
        library = library_among({"base_url": base_url, **others})
        if library not in (None, self.library):
            raise TypeError(
                f"{type(self).__name__} is a client of {self.library.__name__} and was given objects of "
                f"{library.__name__}: call gatepass.client.library.use({library.__name__!r}) before it is defined."
            )

    def _native(self, value: Any) -> Any:
        """An argument of `send` where the caller gave none: the word for that differs between the libraries."""
        return self.library.USE_CLIENT_DEFAULT if value in CLIENT_DEFAULTS else value

    def _for_endpoints(self, forgiving: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Any:
        """The client where its response hooks raise for no status: that is for calls, and the session reads a 409."""
        own: Any = self
        hooks: dict[str, list[Any]] = own.event_hooks
        if not hooks["response"]:
            return self
        other: Any = object.__new__(type(self))
        other.__dict__ = dict(self.__dict__)
        other.event_hooks = {**hooks, "response": [forgiving(hook) for hook in hooks["response"]]}
        return other

    def on_error(self, status: int | str, handler: Handler | None = None) -> Handler:
        """Call `handler(error)` for answers of this status (404) or class ("5xx"), once per call, after retries.

        It may return a response, which the caller gets, or raise. Returns the handler; without a `handler`, a
        decorator. Raises ValueError for any other status.
        """
        if handler is None:
            return lambda function: self.on_error(status, function)
        self.error_handlers.on(status, handler)
        return handler

    @property
    def layers(self) -> Sequence[Layer]:
        """The layers, outermost first. May be set at any time: calls under way keep theirs."""
        return self._layers

    @layers.setter
    def layers(self, layers: Sequence[Layer]) -> None:
        self._layers = tuple(layers)
        self._chain = compose(self._layers)


def default_layers(client: Any) -> list[Layer]:
    """Return the layers that a client has by default, outermost first, as a new list."""
    session = SessionLayer(client.session, client.base_url)
    layers = [client.loading, client.call_log, client.interceptors, client.error_handlers, client.retry, session]
    return [layer for layer in layers if layer is not None]


def kinds_of(default: Any, calls: type) -> dict[str, type[Any]]:
    """A class for each library, by the library's name: `default`, and others that are made of `calls` as it is."""
    kinds = {default.library.__name__: default}
    for library in LIBRARIES[1:]:
        names = {"library": library, "__module__": default.__module__, "__doc__": default.__doc__}
        kind = type(default.__name__, (calls, getattr(library, default.__name__)), names)
        kinds[library.__name__] = default.register(kind)
    return kinds


def _session_of(base_url: httpx.URL, timeout: httpx.Timeout, options: OwnOptions) -> Session:
    session, storage, on_ended = options.get("session"), options.get("storage"), options.get("on_ended")
    if session is None:
        url = join_url(base_url, options.get("auth_url") or "/auth")
        return Session(url, storage=storage, timeout=_auth_timeout(timeout), on_ended=on_ended)
    if storage is not None:
        raise TypeError("Give a session or a storage, not both: the session has its storage.")
    if on_ended is not None:
        raise TypeError("Give on_ended to the session: it is called once, not by each client.")
    return session


def _auth_timeout(timeout: httpx.Timeout) -> float:
    """Return the client's longest phase in seconds, at most MAX_AUTH_TIMEOUT."""
    phases = [timeout.connect, timeout.read, timeout.write]
    return min(max((phase for phase in phases if phase), default=TIMEOUT), MAX_AUTH_TIMEOUT)
