"""The views of `sign_in_apps.py` for Django, sync and async, and for Django REST framework."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from gatepass.guards.django.conf import gate
from gatepass.server.door.door import SignedIn


def _answer(signed_in: SignedIn, kind: str) -> Any:
    match kind:
        case "in":
            return signed_in.onto(HttpResponseRedirect("/done"))
        case "away":
            return signed_in.onto(HttpResponseRedirect("https://app.example.org/done?a=1#b"))
        case "json":
            return signed_in.onto(JsonResponse(signed_in.grant))
        case "thrown":
            signed_in.onto(HttpResponse("lost"))
            return HttpResponse("sent")
        case "fails":
            signed_in.onto(HttpResponse("lost"))
            raise LookupError("after the sign-in")
        case _:
            return HttpResponse("sent")


def plain(request: HttpRequest, kind: str) -> Any:
    return _answer(gate().sync.sign_in(request, request.GET["account"], methods=("fed",)), kind)


async def asynchronous(request: HttpRequest, kind: str) -> Any:
    return _answer(await gate().sign_in(request, request.GET["account"], methods=("fed",)), kind)


@api_view(["GET"])
def rested(request: Request, kind: str) -> Any:
    signed_in = gate().sync.sign_in(request, request.query_params["account"], methods=("fed",))
    return signed_in.onto(Response(signed_in.grant)) if kind == "json" else _answer(signed_in, kind)


urlpatterns = [
    path("sign/<str:kind>", plain),
    path("async/sign/<str:kind>", asynchronous),
    path("rest/sign/<str:kind>", rested),
]
