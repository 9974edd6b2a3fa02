"""The caller as a parameter of a handler: `principal: CurrentPrincipal`."""

from litestar.config.app import AppConfig
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.params import SkipValidation
from litestar.types import Scope

from gatepass.core.principal import Principal
from gatepass.errors import ConfigurationError
from gatepass.guards.litestar.principal import (
    admit,
    current_principal,
    link_principal,
    optional_page_principal,
    optional_principal,
    page_principal,
)

_PERSONS = {"principal", "optional_principal", "link_principal", "page_principal", "optional_page_principal"}
"""The dependencies by which a response is for one person."""

CurrentPrincipal = NamedDependency[SkipValidation[Principal]]
"""The type of a handler's parameter `principal`; without a valid access token the handler answers 401."""
OptionalPrincipal = NamedDependency[SkipValidation[Principal | None]]
"""The type of `optional_principal`: None where no token came; an invalid one is refused all the same."""
PagePrincipal = NamedDependency[SkipValidation[Principal]]
"""The type of `page_principal`; a person who must resume the session or sign in first is sent there."""
OptionalPagePrincipal = NamedDependency[SkipValidation[Principal | None]]
"""The type of `optional_page_principal`: None for a person who is signed out."""

LinkPrincipal = NamedDependency[SkipValidation[Principal]]
"""The type of `link_principal`: the caller by its access token, or by a link to this very address (GET and HEAD)."""


def add_dependencies(app_config: AppConfig) -> None:
    """Let handlers ask by these names, which the application may have for dependencies of its own."""
    app_config.dependencies.setdefault("principal", Provide(_provide))
    app_config.dependencies.setdefault("optional_principal", Provide(_provide_optional))
    app_config.dependencies.setdefault("link_principal", Provide(_provide_linked, sync_to_thread=False))
    app_config.dependencies.setdefault("page_principal", Provide(_provide_page, sync_to_thread=False))
    app_config.dependencies.setdefault("optional_page_principal", Provide(_provide_optional_page, sync_to_thread=False))


async def _provide(scope: Scope) -> Principal:
    if scope["type"] == ScopeType.WEBSOCKET:
        return await admit(ASGIConnection(scope))
    return current_principal(ASGIConnection(scope))


async def _provide_optional(scope: Scope) -> Principal | None:
    return optional_principal(ASGIConnection(scope))


def _provide_page(scope: Scope) -> Principal:
    return page_principal(ASGIConnection(scope))


def _provide_optional_page(scope: Scope) -> Principal | None:
    return optional_page_principal(ASGIConnection(scope))


def _provide_linked(scope: Scope) -> Principal:
    return link_principal(ASGIConnection(scope))


def refuse_cached(handler: HTTPRouteHandler) -> None:
    """Raise ConfigurationError for a cached response that is for one person.

    The cache of Litestar has one response for each URL, and asks it before the dependencies.
    """
    asked = _PERSONS & handler.parsed_fn_signature.parameters.keys()
    if handler.cache and asked:
        raise ConfigurationError(
            f"{handler.handler_name} has cache=… and asks for `{min(asked)}`: the cache would show one person's "
            "response to all others. Leave cache out, or cache what the handler reads."
        )
