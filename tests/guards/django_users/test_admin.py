"""The admin shows and ends the sessions of Django's users, and `manage.py gatepass` acts on the project's gate."""

from typing import Any

import pytest

from tests.guards.django_users.project import bearer, login, still_in  # configures Django

# isort: split
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command, execute_from_command_line
from django.test import Client, override_settings
from django.urls import path

from gatepass.gate import Gatepass
from gatepass.guards.django.admin import SessionsMixin
from gatepass.guards.django.apps import check_settings
from gatepass.testing import memory_gate
from tests.guards.django_users import project

site = admin.AdminSite(name="admin")


class PersonAdmin(SessionsMixin, admin.ModelAdmin):
    fields = ("address", "is_active")


site.register(get_user_model(), PersonAdmin)
urlpatterns = [*project.urlpatterns, path("admin/", site.urls)]
PEOPLE = "/admin/django_people/person/"


@pytest.fixture(autouse=True)
def urls(gate: Gatepass) -> Any:
    with override_settings(ROOT_URLCONF=__name__):
        yield


def staff(*permissions: str, is_superuser: bool = False, enforce_csrf_checks: bool = False) -> Client:
    people = get_user_model().objects
    found = people.create_user("staff@example.com", "x", is_staff=True, is_superuser=is_superuser)
    found.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(enforce_csrf_checks=enforce_csrf_checks)
    client.force_login(found)
    return client


def test_the_page_of_a_user_leads_to_the_sessions_and_one_is_ended(gate: Gatepass, ann: Any) -> None:
    first, second = bearer(login()), bearer(login())
    client, address = staff(is_superuser=True), f"{PEOPLE}{ann.pk}/sessions/"
    assert address in client.get(f"{PEOPLE}{ann.pk}/change/").content.decode()
    sessions = gate.sync.sessions.list_for_account(str(ann.pk))
    page = client.get(address).content.decode()
    assert all(session.sid.hex() in page for session in sessions)
    sid = next(session.sid.hex() for session in sessions)
    assert client.post(address, {"sid": sid}, follow=True).status_code == 200
    assert [still_in(first), still_in(second)].count(True) == 1
    entry = LogEntry.objects.get(object_id=str(ann.pk))
    assert sid in entry.change_message
    assert gate.sync.administration.entries()[0].actor == "django staff@example.com"
    client.post(address)
    assert not still_in(first)
    assert not still_in(second)


def test_all_sessions_of_the_chosen_users_are_ended_by_an_action(ann: Any) -> None:
    token = bearer(login())
    answer = staff(is_superuser=True).post(PEOPLE, {"action": "end_sessions", "_selected_action": [str(ann.pk)]})
    assert answer.status_code == 302
    assert not still_in(token)
    assert LogEntry.objects.get(object_id=str(ann.pk)).change_message == "Ended sessions: 1"


def test_to_see_and_to_end_need_their_permissions(ann: Any) -> None:
    token, address = bearer(login()), f"{PEOPLE}{ann.pk}/sessions/"
    assert Client().get(address).status_code == 302, "to the sign-in page"
    assert Client().get(address, headers=token).status_code == 302, "an access token opens no admin"
    client = staff("view_person")
    seen = client.get(address)
    assert seen.status_code == 200
    assert '<form method="post"><input' not in seen.content.decode()
    assert client.post(address).status_code == 403
    client.post(PEOPLE, {"action": "end_sessions", "_selected_action": [str(ann.pk)]})
    assert still_in(token)
    get_user_model().objects.get(address="staff@example.com").user_permissions.clear()
    assert client.get(address).status_code == 403


def test_another_site_cannot_end_them(ann: Any) -> None:
    token = bearer(login())
    client = staff(is_superuser=True, enforce_csrf_checks=True)
    assert client.post(f"{PEOPLE}{ann.pk}/sessions/").status_code == 403
    assert still_in(token)


@pytest.mark.parametrize("sid", ["0" * 32, "no id"])
def test_a_session_of_somebody_else_is_not_found(ann: Any, sid: str) -> None:
    client = staff(is_superuser=True)
    assert client.post(f"{PEOPLE}{ann.pk}/sessions/", {"sid": sid}).status_code == 404
    assert client.get(f"{PEOPLE}7/sessions/").status_code == 404


def test_an_admin_elsewhere_is_told_of(ann: Any) -> None:
    found = {str(message.id) for message in check_settings(None)}
    assert "gatepass.W004" not in found
    with override_settings(GATEPASS_DJANGO_PATHS=["/back-office/"]):
        assert "gatepass.W004" in {str(message.id) for message in check_settings(None)}


def test_a_command_acts_on_the_gate_of_the_settings(
    gate: Gatepass,
    ann: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    token = bearer(login())
    gate.background.stop()  # a command is a process of its own; this one has the memory of the tests
    with pytest.raises(SystemExit) as left:
        call_command("gatepass", "sessions", "revoke", "--account", str(ann.pk))
    assert left.value.code == 0
    assert capsys.readouterr().out == "ended 1\n"
    assert not still_in(token)


@pytest.mark.parametrize("setting", [memory_gate, dict])
def test_a_command_that_cannot_be_run_says_why_in_a_sentence(setting: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with override_settings(GATEPASS=setting()), pytest.raises(SystemExit) as left:
        execute_from_command_line(["manage.py", "gatepass", "doctor" if setting is memory_gate else "migrate"])
    assert left.value.code == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_command_that_is_not_for_projects_is_refused() -> None:
    with pytest.raises(CommandError, match="sessions"):
        call_command("gatepass", "serve")
    with pytest.raises(CommandError, match="check"):
        call_command("gatepass", "doctor")
