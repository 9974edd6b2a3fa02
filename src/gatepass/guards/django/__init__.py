"""The guard for Django, under WSGI and ASGI.

    INSTALLED_APPS = [..., "gatepass.guards.django"]                            # system checks
    MIDDLEWARE = ["gatepass.guards.django.middleware.GatepassMiddleware", ...]  # before whatever reads cookies
    GATEPASS = {"SECRETS": [...], "PUBLIC_URL": "https://example.com"}          # or "my.module.gate"; else GATEPASS_*

    urlpatterns = [path("auth/", include("gatepass.guards.django.urls"))]

    @requires("notes:read")
    def notes(request): return JsonResponse({"account": request.principal.account_id})

    @requires_page()
    def board(request): return render(request, "board.html")        # for a browser that opens it

`request.principal` is `current_principal(request)`, evaluated at its first use: it costs nothing before, never reads
the database, and without a valid access token the response is a 401. `request.page_principal` is the person of a page
in the same way, in its template too. Django has no lifespan, so the gate opens at the first request that needs it.
"""

from gatepass._extras import missing_extra

try:
    from gatepass.guards.django.principal import (
        RequiresMixin,
        RequiresPageMixin,
        current_principal,
        optional_page_principal,
        optional_principal,
        page_principal,
        requires,
        requires_page,
    )
except ModuleNotFoundError as missing:
    raise missing_extra(
        missing, "django", "asgiref", sentence="This guard needs django: pip install 'gatepass[django]'"
    ) from None

__all__ = [
    "RequiresMixin",
    "RequiresPageMixin",
    "current_principal",
    "optional_page_principal",
    "optional_principal",
    "page_principal",
    "requires",
    "requires_page",
]
