"""The guard for Django REST framework, on top of the middleware of `guards/django`.

    REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["gatepass.guards.django.rest_framework.GatepassAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["gatepass.guards.django.rest_framework.Requires"],
    }

    class Notes(APIView):
        permission_classes = [requires("notes:read")]

Refusals are Problems, which REST framework passes on to the middleware: the same documents as everywhere. An
application that wants another shape catches Problem in its EXCEPTION_HANDLER.

Beside other schemes: the first class that knows a token takes it. Ours knows the tokens of its issuer; it leaves any
other one to the next class, and as the last class refuses it. Permissions see whom the classes found: a caller by
another scheme is a valid one and has no scopes.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from gatepass._extras import missing_extra

try:
    from rest_framework.authentication import BaseAuthentication
except ModuleNotFoundError as missing:
    raise missing_extra(
        missing, "rest_framework", sentence="This guard needs rest_framework: pip install 'djangorestframework'"
    ) from None
from django.utils.functional import SimpleLazyObject
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from gatepass.access.check import check_step_up, require_scopes
from gatepass.core.principal import Principal
from gatepass.errors import InsufficientScope, InsufficientUserAuthentication, InvalidToken
from gatepass.guards.django import principal as guard
from gatepass.guards.django.conf import django_users
from gatepass.guards.django.users import DjangoUsers


@dataclass(frozen=True, slots=True)
class Caller:
    """`request.user`: enough for IsAuthenticated and for throttles, and no database. `principal` is the rest."""

    principal: Principal
    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False
    is_active: ClassVar[bool] = True
    is_staff: ClassVar[bool] = False

    @property
    def pk(self) -> str:
        """The id of the account, under the name by which Django reads the key of a user."""
        return self.principal.account_id

    id = pk

    def __str__(self) -> str:
        return self.principal.account_id


class GatepassAuthentication(BaseAuthentication):
    """`request.user` is a Caller and `request.auth` its Principal. Without a token of ours the next class is asked.

    Where Django's users are the accounts of the gate, `request.user` is the row of the user, read when it is used. Its
    use raises InvalidToken for a user who is gone or may not sign in.
    """

    def authenticate(self, request: Request) -> tuple[Any, Principal] | None:
        """Raises InvalidToken or Unavailable."""
        if self is not request.authenticators[-1] and not guard.is_for_us(request._request):
            return None
        principal = guard.optional_principal(request._request)
        if principal is None:
            return None
        users = django_users()
        known = Caller(principal) if users is None else SimpleLazyObject(partial(_row, users, principal))
        return known, principal

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401; without one REST framework would answer 403."""
        return "Bearer"


def _row(users: DjangoUsers, principal: Principal) -> Any:
    found = users.row(principal.account_id)
    if found is None:
        raise InvalidToken("no user who may sign in")
    return found


class Requires(BasePermission):
    """Any valid caller. `requires("notes:read")` makes the permission for one who covers scopes."""

    scopes: ClassVar[tuple[str, ...]] = ()
    max_age: ClassVar[int | None] = None
    acr: ClassVar[str | None] = None

    def has_permission(self, request: Request, view: Any) -> bool:
        """True, or raises TokenRequired, InvalidToken, InsufficientScope or InsufficientUserAuthentication."""
        is_other = _principal_of(request) is None and getattr(request.user, "is_authenticated", False)
        if not is_other:
            current_principal(request, *self.scopes, max_age=self.max_age, acr=self.acr)
        elif self.scopes:
            raise InsufficientScope(self.scopes)
        elif self.max_age is not None or self.acr is not None:
            raise InsufficientUserAuthentication(self.max_age, acr=self.acr)
        return True


def requires(*scopes: str, max_age: int | None = None, acr: str | None = None) -> type[Requires]:
    """Make the permission class for a caller of `scopes` who signed in within `max_age` seconds, reaching `acr`."""
    check_step_up(max_age, acr)
    return type("Requires", (Requires,), {"scopes": scopes, "max_age": max_age, "acr": acr})


def current_principal(request: Request, *scopes: str, max_age: int | None = None, acr: str | None = None) -> Principal:
    """The caller of this request, who must cover `scopes` and have signed in within `max_age` seconds, reaching `acr`.

    Also one that a test has set (`force_authenticate`). Raises a Problem that the middleware answers.
    """
    known = _principal_of(request)
    if known is None:
        return guard.current_principal(request._request, *scopes, max_age=max_age, acr=acr)
    require_scopes(known, scopes)
    if max_age is None and acr is None:
        return known
    return guard.require_step_up(request._request, known, max_age=max_age, acr=acr)


def optional_principal(request: Request) -> Principal | None:
    """The caller, or None where no token of ours came. Raises InvalidToken for an invalid one."""
    known = _principal_of(request)
    if known is not None or not guard.is_for_us(request._request):
        return known
    return guard.optional_principal(request._request)


def _principal_of(request: Request) -> Principal | None:
    """The principal that an authentication class, or a test, has put into the request."""
    if isinstance(request.auth, Principal):
        return request.auth
    found = getattr(request.user, "principal", None)
    return found if isinstance(found, Principal) else None
