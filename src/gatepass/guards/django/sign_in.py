"""Begins a session for one of Django's users whom the application has authenticated: `gate.sign_in` for Django's views.

    signed_in = sign_in(request, user, methods=("fed",))            await asign_in(…) in an async view
    return signed_in.onto(HttpResponseRedirect("/"))

`gate().sync.sign_in(request, str(user.pk), …)` does the same. Here the thread of the view reads the database meanwhile:
in the transaction of the view, or of a TestCase. And receivers of `user_logged_in` get this request.
"""

from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest

from gatepass.guards.django.conf import gate
from gatepass.guards.django.request_thread import lent
from gatepass.server.door.door import SignedIn


async def asign_in(request: HttpRequest, user: Any, *, methods: tuple[str, ...], **options: Any) -> SignedIn:
    """As `gate.sign_in`, with its options, and its exceptions. `user` is a row, or its primary key.

    Whether the user may sign in, the back ends say: a row alone is no proof of it.
    """
    key = str(getattr(user, "pk", user))
    with lent(getattr(request, "_request", request)):
        return await gate().sign_in(request, key, methods=methods, **options)


def sign_in(request: HttpRequest, user: Any, *, methods: tuple[str, ...], **options: Any) -> SignedIn:
    """As `asign_in`, for sync code."""
    made: SignedIn = async_to_sync(asign_in)(request, user, methods=methods, **options)
    return made
