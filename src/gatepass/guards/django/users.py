"""Django's users as the accounts of the gate: `AUTH_USER_MODEL`, whichever it is, with its passwords and its backends.

    GATEPASS_USERS = "gatepass.guards.django.users.DjangoUsers"     # or a subclass of it

A gate that the project makes itself takes it as an argument: `Gatepass.from_env(users=DjangoUsers())`. With either,

* sign-in asks AUTHENTICATION_BACKENDS, and sends Django's signals: `user_login_failed`, `user_logged_in`;
* `request.user` is the row of the caller (`caller.py`);
* a changed password, `is_active = False` and a deletion end the user's sessions (`ending.py`).

The id of the account is the primary key of the user, as text.
"""

import weakref
from typing import TYPE_CHECKING, Any

from django.contrib import auth
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from gatepass.accounts.external import AuthenticatedUser
from gatepass.core.hook_facts import NO_REQUEST, HookFacts, RequestFacts
from gatepass.core.secret import Secret
from gatepass.guards.django import request_thread

if TYPE_CHECKING:
    from gatepass.gate import Gatepass


class DjangoUsers:
    """The Authenticator over Django's users. A subclass may replace the three methods that take or give rows."""

    def __init__(self) -> None:
        self._joined: weakref.WeakSet[Gatepass] = weakref.WeakSet()

    @sensitive_variables("password")
    def verify(self, request: HttpRequest, username: str, password: str) -> Any:
        """The row of the user with these credentials, or None: as Django's own form asks for it.

        Django's backends hash for unknown people too, refuse inactive ones, and renew an outdated hash.
        """
        return auth.authenticate(request, username=username, password=password)

    def row(self, user_id: str) -> Any:
        """The row of this primary key, by the first backend that lets the user in; None if there is none.

        As in Django, ModelBackend lets no inactive user in, and AllowAllUsersModelBackend every one.
        """
        key = auth.get_user_model()._meta.pk
        try:
            value = key.to_python(user_id)
        except Exception:  # ValidationError, and what fields of others raise
            return None
        found = (backend.get_user(value) for backend in auth.get_backends() if hasattr(backend, "get_user"))
        return next((user for user in found if user is not None), None)

    def is_email_verified(self, user: Any) -> bool:
        """Whether mail to the address of the user is known to arrive. Django does not know it: False."""
        del user
        return False

    def authenticated(self, user: Any) -> AuthenticatedUser:
        """A row as the gate knows it; also for `gate.sign_in`, which then asks the database nothing.

        Without `version`: `ending.py` ends sessions when the password changes, and Django renews hashes at a sign-in.
        """
        email = getattr(user, user.get_email_field_name(), None) or ""
        return AuthenticatedUser(str(user.pk), email, email_verified=self.is_email_verified(user))

    async def authenticate(self, email: str, password: str, request: RequestFacts) -> AuthenticatedUser | None:
        """Asks `verify`, with the request that Django received, or one made of what is known of it."""
        secret = Secret(password)
        del password  # crash reports show local variables
        return await request_thread.run(self._verify, _django_request(request), email, secret)

    async def find(self, user_id: str) -> AuthenticatedUser | None:
        """The user of an id, by `row`; None if that returns none."""
        return await request_thread.run(self._find, user_id)

    def join(self, gate: "Gatepass") -> None:
        """Let the gate tell of sign-ins. Idempotent; called when the project's gate is made."""
        if gate not in self._joined:
            self._joined.add(gate)
            gate.after("sign_in")(self._tell_signed_in)

    def _verify(self, request: HttpRequest, username: str, secret: Secret) -> AuthenticatedUser | None:
        user = self.verify(request, username, secret.reveal())
        return None if user is None else self.authenticated(user)

    def _find(self, user_id: str) -> AuthenticatedUser | None:
        user = self.row(user_id)
        return None if user is None else self.authenticated(user)

    async def _tell_signed_in(self, facts: HookFacts[Any]) -> None:
        request = _django_request(facts.request or NO_REQUEST)
        await request_thread.run(self._send_signed_in, request, facts.account_id or "")

    def _send_signed_in(self, request: HttpRequest, user_id: str) -> None:
        user = self.row(user_id)
        if user is not None:
            user_logged_in.send(sender=user.__class__, request=request, user=user)


def _django_request(facts: RequestFacts) -> HttpRequest:
    """The request that waits for the gate; else one with the headers and the network that the gate was told."""
    waiting = request_thread.waiting_request()
    if waiting is not None:
        return waiting
    made = HttpRequest()
    made.method = "POST"
    made.META = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in facts.headers.items()}
    made.META["REMOTE_ADDR"] = facts.network.partition("/")[0]
    return made
