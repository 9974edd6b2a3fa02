"""A Django project with sessions.

Run it: gatepass init && python app.py runserver
"""

import os
import sys

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from gatepass.guards.django import current_principal, requires

settings.configure(
    DEBUG=True,
    SECRET_KEY=os.urandom(32).hex(),
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["gatepass.guards.django"],
    MIDDLEWARE=["gatepass.guards.django.middleware.GatepassMiddleware"],
)
django.setup()


@requires()
def me(request: HttpRequest) -> JsonResponse:
    """Who is calling."""
    return JsonResponse({"account": current_principal(request).account_id})


urlpatterns = [path("me", me), path("auth/", include("gatepass.guards.django.urls"))]
app = get_wsgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
