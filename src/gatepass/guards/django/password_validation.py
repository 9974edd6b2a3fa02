"""Ends a user's sessions when Django's password of that user changes. For external users that are Django's.

    AUTH_PASSWORD_VALIDATORS = [..., {"NAME": "gatepass.guards.django.password_validation.EndSessions"}]

Django tells its password validators of a change, wherever it is made, and not of a hash that it renews at a sign-in:
`get_session_auth_hash()` and the hash itself change then too. What goes past the model, such as
`QuerySet.update(password=...)`, is told to nobody.
"""

from typing import Any

from gatepass.guards.django.conf import gate


class EndSessions:
    """A password validator that accepts every password."""

    def validate(self, password: str, user: Any = None) -> None:
        """Accept."""

    def password_changed(self, password: str, user: Any = None) -> None:
        """Called by Django after the user is saved. Ends every session of the user. Raises StoreUnavailable."""
        del password  # crash reports show local variables
        if user is not None and user.pk is not None:
            gate().sync.sessions.revoke_all(str(user.pk), reason="revoked")

    def get_help_text(self) -> str:
        """No rule to tell."""
        return ""
