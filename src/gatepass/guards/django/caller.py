"""`request.user` where Django's users are the accounts of the gate: the row of the caller, read when it is used.

One path has one way. On the paths of GATEPASS_DJANGO_PATHS (default: "/admin/") Django's own session says who calls,
and an access token says nothing; everywhere else it is the other way round. So neither opens what was made for the
other, and what a cookie opens keeps Django's CSRF check. A page that a view has opened by the page cookie has the user
of that.
"""

import functools
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from gatepass.guards.django.principal import PERSON, SET_USER, is_for_us, optional_principal
from gatepass.guards.django.users import DjangoUsers

DJANGO_PATHS = ("/admin/",)
_CACHED = "_gatepass_user"


def is_left_to_django(path: str) -> bool:
    """Whether Django's own session says who calls at this path (without the prefix of the project).

    By whole segments: `/admin` says nothing of /administrators.
    """
    below = (each.rstrip("/") + "/" for each in getattr(settings, "GATEPASS_DJANGO_PATHS", DJANGO_PATHS))
    return f"{path}/".startswith(tuple(below))


def set_user(request: HttpRequest, users: DjangoUsers) -> None:
    """Set `request.user` and `request.auser`, unless the path is left to Django. No query, no look at the token."""
    if is_left_to_django(request.path_info):
        return
    request.META[SET_USER] = functools.partial(set_user, request, users)
    request.__dict__.pop(_CACHED, None)
    request.user = SimpleLazyObject(lambda: _user(request, users))

    async def auser() -> Any:
        return getattr(request, _CACHED, None) or await sync_to_async(_user)(request, users)

    request.auser = auser


def _user(request: HttpRequest, users: DjangoUsers) -> Any:
    """The row, read once; AnonymousUser without a token of ours, and for a user who is gone or may not sign in.

    Raises InvalidToken for an invalid one, which the middleware answers with 401.
    """
    from django.contrib.auth.models import AnonymousUser  # only a project with django.contrib.auth has it

    found = getattr(request, _CACHED, None)
    if found is None:
        person = request.META.get(PERSON)
        principal = person or (optional_principal(request) if is_for_us(request) else None)
        row = None if principal is None else users.row(principal.account_id)
        found = AnonymousUser() if row is None else row
        setattr(request, _CACHED, found)
    return found
