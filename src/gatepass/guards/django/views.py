"""The auth endpoints as one Django view (PROTOCOL §6)."""

import asyncio
from typing import Any

from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import Resolver404, resolve

from gatepass.guards.django.conf import gate
from gatepass.guards.django.request_thread import lent
from gatepass.server.door.any_response import put_morsels
from gatepass.server.wsgi import Events
from gatepass.wire.asgi import WITHHELD
from gatepass.wire.headers import Headers
from gatepass.wire.wsgi import raw_headers

CORS = "gatepass.cors"
"""The key, in a request's META, of the CORS headers with which an endpoint responded."""


@non_atomic_requests  # ATOMIC_REQUESTS takes no async view, and a failed sign-in is to be counted
async def auth(request: HttpRequest, rest: str) -> HttpResponseBase:
    """The auth endpoints below the place where they are included."""
    scope, body = _asked(request, rest)
    with lent(request):
        found = await asyncio.wrap_future(gate().wsgi.ask(scope, body))
    response: HttpResponseBase
    if isinstance(found.body, Events):  # under ASGI Django would collect what is iterated over on a thread
        events = found.body.in_a_loop() if hasattr(request, "scope") else found.body
        response = StreamingHttpResponse(events, status=found.status)
    else:
        response = HttpResponse(found.body, status=found.status)
    del response["Content-Type"]
    texts = found.texts()
    put_morsels(response.cookies, [value for name, value in texts if name == "Set-Cookie"])
    for name, value in texts:
        if name != "Set-Cookie":
            response[name] = value
    request.META[CORS] = {name: value for name, value in response.items() if name.startswith("Access-Control-")}
    return response


auth.csrf_exempt = True  # the endpoints check origins themselves (PROTOCOL §6)


def preflight_of(request: HttpRequest) -> str | None:
    """The path below the mount, of a CORS preflight from an origin of the gate to one of the auth endpoints.

    A middleware for CORS behind the guard would answer it by the rules of the application.
    """
    if not gate().origins.opens_to(Headers(raw_headers(request.META))):
        return None
    try:
        match = resolve(request.path_info, getattr(request, "urlconf", None))
    except Resolver404:
        return None
    return match.kwargs.get("rest") if match.func is auth else None


def _asked(request: HttpRequest, rest: str) -> tuple[Any, bytes]:
    """An ASGI scope for the endpoints, of a request that came by either way."""
    endpoints = gate().wsgi
    mount = request.path[: len(request.path) - len(rest)].rstrip("/")
    scope = {**endpoints.scope_of(request.META), "path": f"{mount}/{rest}", "root_path": mount}
    if "raw_path" in (received := getattr(request, "scope", {})):  # under ASGI
        scope["raw_path"] = received["raw_path"]
    if WITHHELD in request.META:
        scope[WITHHELD] = request.META[WITHHELD]
    return scope, request.body
