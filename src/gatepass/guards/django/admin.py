"""Django's admin shows a user's sessions and ends them, where Django's users are the accounts of the gate.

    from gatepass.guards.django.admin import SessionsMixin

    admin.site.unregister(User)

    @admin.register(User)
    class People(SessionsMixin, UserAdmin): ...

The page of a user gets a button "Sessions", the list an action "End all sessions". To see them one needs the permission
to view the user, to end them the permission to change the user. Ended sessions are told in the user's history
(LogEntry) and in the audit trail of the gate. There is no model and no migration: sessions are in the gate's store.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.text import capfirst
from django.views.decorators.http import require_http_methods

from gatepass.core.audit import MAX_ACTOR
from gatepass.core.session import Session
from gatepass.guards.django.conf import gate


class SessionsMixin:
    """For the ModelAdmin of the user model, before it in the list of bases."""

    change_form_template = "gatepass/user_change_form.html"
    sessions_template = "gatepass/user_sessions.html"

    def get_urls(self) -> list[Any]:
        """With the page of the sessions."""
        view = require_http_methods(["GET", "POST"])(self.admin_site.admin_view(self.sessions_view))  # type: ignore[attr-defined]
        mine = path("<path:object_id>/sessions/", view, name=self._name_of_sessions())
        return [mine, *super().get_urls()]  # type: ignore[misc]

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> dict[str, Any]:
        """With "End all sessions" in the list, for an administrator who may change users."""
        place = {"action_location": action_location} if action_location else {}  # which Django has from 6.1
        found: dict[str, Any] = super().get_actions(request, **place)  # type: ignore[misc]
        ours = self.get_action(end_sessions, **place)  # type: ignore[attr-defined]
        if ours and self.has_change_permission(request):  # type: ignore[attr-defined]
            found["end_sessions"] = ours
        return found

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """With the address of the page of the sessions."""
        address = reverse(f"{self.admin_site.name}:{self._name_of_sessions()}", args=[object_id])  # type: ignore[attr-defined]
        context = {**(extra_context or {}), "sessions_url": address}
        return super().change_view(request, object_id, form_url, extra_context=context)  # type: ignore[misc]

    def sessions_view(self, request: HttpRequest, object_id: str) -> Any:
        """The live sessions of a user; a POST ends one (`sid`) or all, behind Django's CSRF check."""
        user = self.get_object(request, object_id)  # type: ignore[attr-defined]
        if user is None:
            raise Http404
        may_end = self.has_change_permission(request, user)  # type: ignore[attr-defined]
        if not (may_end if request.method == "POST" else self.has_view_permission(request, user)):  # type: ignore[attr-defined]
            raise PermissionDenied
        if request.method == "POST":
            messages.success(request, _end(self, request, user, sid=request.POST.get("sid")))
            return HttpResponseRedirect(request.path)
        sessions = map(_shown, gate().sync.sessions.list_for_account(str(user.pk)))
        return TemplateResponse(
            request,
            self.sessions_template,
            {
                **self.admin_site.each_context(request),  # type: ignore[attr-defined]
                "title": f"Sessions: {user}",
                "opts": self.model._meta,  # type: ignore[attr-defined]
                "model_name": capfirst(self.model._meta.verbose_name_plural),  # type: ignore[attr-defined]
                "original": user,
                "sessions": list(sessions),
                "may_end": may_end,
            },
        )

    def _name_of_sessions(self) -> str:
        meta = self.model._meta  # type: ignore[attr-defined]
        return f"{meta.app_label}_{meta.model_name}_sessions"


def _end(model_admin: Any, request: HttpRequest, user: Any, *, sid: str | None = None) -> str:
    """End one session of the user, or all. Returns what the history says. Raises Http404 for a foreign session."""
    by = f"django {request.user.get_username()}"[:MAX_ACTOR]
    services = gate().sync
    if sid is None:
        count = services.administration.end_sessions(str(user.pk), by=by)
        sentence = f"Ended sessions: {count}"
    else:
        if not _is_owned(services.sessions.is_owned, str(user.pk), sid):
            raise Http404
        services.administration.end_session(sid, by=by)
        sentence = f"Ended the session {sid}"
    model_admin.log_change(request, user, sentence)
    return sentence


@admin.action(description="End all sessions", permissions=["change"])
def end_sessions(model_admin: Any, request: HttpRequest, users: Any) -> None:
    """The action of the list."""
    allowed = [user for user in users if model_admin.has_change_permission(request, user)]
    for user in allowed:
        _end(model_admin, request, user)
    messages.success(request, f"Ended the sessions of: {len(allowed)}")


def _is_owned(is_owned: Callable[[str, str], bool], user_id: str, sid: str) -> bool:
    try:
        return is_owned(user_id, sid)
    except ValueError:  # no session id
        return False


def _shown(session: Session) -> dict[str, object]:
    return {
        "sid": session.sid.hex(),
        "client": session.client,
        "network": session.last_ip_prefix,
        "methods": ", ".join(session.methods),
        "began": datetime.fromtimestamp(session.created_at, UTC),
        "used": datetime.fromtimestamp(session.committed_at, UTC),
        "expires": datetime.fromtimestamp(session.expires_at, UTC),
    }
