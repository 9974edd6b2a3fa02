"""A Django project as the home of external users: people sign in with the passwords that Django has; nothing is moved.

Run it: gatepass init && python app.py migrate && python app.py createsuperuser && python app.py runserver
"""

import os
import sys

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from gatepass import AuthenticatedUser, Gatepass, RequestFacts
from gatepass.guards.django import current_principal, requires

settings.configure(
    DEBUG=True,
    SECRET_KEY=os.environ.get("SECRET_KEY", "only for development"),  # not a random one: each process would differ
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "gatepass.guards.django"],
    MIDDLEWARE=["gatepass.guards.django.middleware.GatepassMiddleware"],
    AUTH_PASSWORD_VALIDATORS=[{"NAME": "gatepass.guards.django.password_validation.EndSessions"}],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "people.db"}},
    GATEPASS=f"{__name__}.gate",
)
django.setup()

from django.contrib.auth import authenticate, get_user_model  # noqa: E402 (needs the line above)


class DjangoUsers:
    """Asks Django's authentication back ends, which hash for unknown people too and refuse inactive ones."""

    def authenticate(self, email: str, password: str, _request: RequestFacts) -> AuthenticatedUser | None:
        """A plain method runs on a thread."""
        close_old_connections()
        try:
            user = authenticate(username=email, password=password)
            # EndSessions ends the sessions when the password changes, so no `version` is needed.
            return AuthenticatedUser(str(user.pk), user.email or email) if user is not None else None
        finally:
            close_old_connections()

    def find(self, user_id: str) -> AuthenticatedUser | None:
        """For `gate.sign_in`: a person who was authenticated in another way."""
        close_old_connections()
        try:
            user = get_user_model().objects.filter(pk=user_id, is_active=True).first()
            return AuthenticatedUser(user_id, user.email) if user is not None else None
        finally:
            close_old_connections()


gate = Gatepass.from_env(users=DjangoUsers())


@requires()
def me(request: HttpRequest) -> JsonResponse:
    """Who is calling: the primary key of Django's user."""
    return JsonResponse({"account": current_principal(request).account_id})


urlpatterns = [path("me", me), path("auth/", include("gatepass.guards.django.urls"))]
app = get_wsgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
