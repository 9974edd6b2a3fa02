"""The guard as FastAPI dependencies.

    @app.get("/me")
    def me(principal: CurrentPrincipal): ...

    @app.get("/notes")
    def notes(principal: Annotated[Principal, requires("notes:read")]): ...

    @app.post("/transfers")
    def transfer(principal: Annotated[Principal, requires(max_age=300)]): ...

    @app.websocket("/chat")
    async def chat(socket: WebSocket, principal: CurrentPrincipal): ...

    @app.delete("/notes")
    def clear(principal: Annotated[Principal[MyClaims], requires(claims=MyClaims)]): ...

    @app.get("/board", response_class=HTMLResponse)
    def board(person: PagePrincipal): ...       # a page that is rendered here, for a browser that opens it

The scheme is in the OpenAPI document, so "Authorize" works, and `app.dependency_overrides[current_principal]`
replaces the caller in tests: scopes and the age of the sign-in are checked of that caller too.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from gatepass._extras import missing_extra

try:
    from fastapi import FastAPI, Security
    from fastapi.openapi.models import APIKey
    from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
    from fastapi.security import SecurityScopes
    from fastapi.security.base import SecurityBase
except ModuleNotFoundError as missing:
    raise missing_extra(
        missing, "fastapi", sentence="This guard needs fastapi: pip install 'gatepass[fastapi]'"
    ) from None
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from gatepass.access.asgi import check_of
from gatepass.access.check import check_step_up, require_scopes
from gatepass.access.live_socket import socket_of
from gatepass.core.principal import Principal
from gatepass.core.typed_claims import reader_of
from gatepass.errors import Problem
from gatepass.gate import Gatepass
from gatepass.guards import starlette as guard
from gatepass.server.openapi.openapi import include
from gatepass.wire.cookie_names import PAGE_NAME


def include_auth(app: FastAPI, gate: Gatepass, *, mount: str = "/auth") -> None:
    """Mount the auth endpoints, and describe them in the application's document: sign in where you try the routes out.

    The endpoints need the header `Gatepass-Client: 1`, which the document has as a parameter.
    """
    app.mount(mount, gate.asgi)
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        document = describe()
        include(gate.describe(), document, mount=mount, scheme=current_principal.scheme_name)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


class Bearer(SecurityBase):
    """The security scheme of the OpenAPI document, and the check itself, in one dependency."""

    def __init__(self) -> None:
        self.model = HTTPBearerModel(bearerFormat="JWT", description="A Gatepass access token")
        self.scheme_name = "Gatepass"

    async def __call__(self, connection: HTTPConnection, scopes: SecurityScopes) -> Principal:
        """The caller; of a WebSocket, who is let in for it. Raises Denied (401, 403 or 503)."""
        if isinstance(connection, WebSocket):
            return await guard.admit(connection, *scopes.scopes)
        return guard.current_principal(connection, *scopes.scopes)


class OptionalBearer(Bearer):
    """The same for routes that need no sign-in."""

    async def __call__(  # type: ignore[override]
        self, connection: HTTPConnection, scopes: SecurityScopes
    ) -> Principal | None:
        """The caller, or None where no token came. Raises Denied for an invalid token."""
        if isinstance(connection, WebSocket):
            return await guard.admit_optional(connection)
        return guard.optional_principal(connection)


class PageCookie(SecurityBase):
    """The same for a page that is rendered for a person: by the page cookie, for GET and HEAD (PROTOCOL §10)."""

    def __init__(self) -> None:
        self.model = APIKey.model_validate(
            {"in": "cookie", "name": PAGE_NAME, "description": "Opens pages, for reading"}
        )
        self.scheme_name = "GatepassPage"

    async def __call__(self, connection: HTTPConnection, scopes: SecurityScopes) -> Principal:
        """The person. Raises Denied (303, 401, 403 or 503)."""
        return guard.page_principal(connection, *scopes.scopes)


class OptionalPageCookie(PageCookie):
    """The same for pages that are open to all, and different for a person."""

    async def __call__(  # type: ignore[override]
        self, connection: HTTPConnection, scopes: SecurityScopes
    ) -> Principal | None:
        """The person, or None for one who is signed out. Raises Denied, as a 303 to the resume page."""
        return guard.optional_page_principal(connection)


class LinkBearer(Bearer):
    """The same for routes that a link opens too: `<img>`, `<video>`, downloads."""

    async def __call__(self, connection: HTTPConnection, scopes: SecurityScopes) -> Principal:
        """The caller by its access token or by a link to this very address. Raises Denied (401, 403 or 503)."""
        return guard.link_principal(connection, *scopes.scopes)


current_principal = Bearer()
live_stream = guard.live_stream
newest_principal = guard.current_principal
"""The caller of an open WebSocket by its newest token: `newest_principal(socket)`."""
optional_principal = OptionalBearer()
page_principal = PageCookie()
optional_page_principal = OptionalPageCookie()
link_principal = LinkBearer()

CurrentPrincipal = Annotated[Principal, Security(current_principal)]
"""The caller; without a valid access token the route answers 401."""
OptionalPrincipal = Annotated[Principal | None, Security(optional_principal)]
"""The caller or None; an invalid token is refused all the same."""
PagePrincipal = Annotated[Principal, Security(page_principal)]
"""The person of a page; one who must resume the session or sign in first is sent there."""
OptionalPagePrincipal = Annotated[Principal | None, Security(optional_page_principal)]
"""The person or None; one whose session is to be resumed is sent there first."""

LinkPrincipal = Annotated[Principal, Security(link_principal)]
"""The caller by its access token or by a link to this very address (GET and HEAD); `by_link` says which."""


@dataclass(frozen=True, slots=True)
class Requires:
    """The dependency of `requires`, outside that of the caller; two that ask the same are the same one."""

    scopes: tuple[str, ...]
    max_age: int | None = None
    acr: str | None = None
    claims: type | None = None

    def __post_init__(self) -> None:
        check_step_up(self.max_age, self.acr)
        if self.claims is not None:
            reader_of(self.claims)

    async def __call__(self, connection: HTTPConnection, principal: CurrentPrincipal) -> Principal[Any]:
        """The caller. Raises Denied (401 or 403)."""
        try:
            require_scopes(principal, self.scopes)
            if self.max_age is not None or self.acr is not None:
                check_of(connection.scope).require(principal, max_age=self.max_age, acr=self.acr)
            return principal if self.claims is None else principal.typed(self.claims)
        except Problem as problem:
            if (socket := socket_of(connection.scope)) is not None:
                await socket.refuse(problem)
            raise guard.denied(connection, problem) from None


class RequiresPage(Requires):
    """The dependency of `requires_page`."""

    async def __call__(self, connection: HTTPConnection, principal: PagePrincipal) -> Principal[Any]:
        """The person. Raises Denied (303, 401 or 403)."""
        return await super().__call__(connection, principal)


def requires(*scopes: str, max_age: int | None = None, acr: str | None = None, claims: type | None = None) -> Any:
    """Make the dependency for a caller who covers `scopes` and signed in within `max_age` seconds, reaching `acr`.

    For `Annotated[Principal, requires("notes:read")]`, as a default, or in `dependencies=[requires("admin")]`. With
    `claims`, a TypedDict or a frozen pydantic model or dataclass, the caller is a `Principal[claims]`, and a token
    whose claims do not fit is refused as invalid. Typed as FastAPI types `Security`.
    """
    return Security(Requires(scopes, max_age, acr, claims), scopes=list(scopes))


def requires_page(*scopes: str, max_age: int | None = None, acr: str | None = None, claims: type | None = None) -> Any:
    """Make the dependency for a page that is rendered for a person, for the rest as `requires`."""
    return Security(RequiresPage(scopes, max_age, acr, claims), scopes=list(scopes))
