"""Django's users as the accounts: people sign in with the passwords that Django has; nothing is moved.

Run it: gatepass init && python app.py migrate && python app.py createsuperuser && python app.py runserver
"""

import os
import sys

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from gatepass.guards.django import requires

settings.configure(
    DEBUG=True,
    SECRET_KEY=os.environ.get("SECRET_KEY") or "only for development",  # not a random one: each process would differ
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "django.contrib.admin",
        "gatepass.guards.django",
    ],
    MIDDLEWARE=[
        "gatepass.guards.django.middleware.GatepassMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",  # this one and the next three: for the admin
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    STATIC_URL="/static/",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "people.db"}},
    GATEPASS_USERS="gatepass.guards.django.users.DjangoUsers",
)
django.setup()

from django.contrib import admin  # noqa: E402 (this and the next ones need the line above)
from django.contrib.auth.admin import UserAdmin  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402

from gatepass.guards.django.admin import SessionsMixin  # noqa: E402

admin.site.unregister(User)


@admin.register(User)
class People(SessionsMixin, UserAdmin):
    """The page of a user shows the sessions and ends them."""


@requires()
def me(request: HttpRequest) -> JsonResponse:
    """Who is calling: the row of Django's user."""
    return JsonResponse({"account": str(request.user.pk)})


urlpatterns = [
    path("me", me),
    path("auth/", include("gatepass.guards.django.urls")),
    path("admin/", admin.site.urls),
]
app = get_wsgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
