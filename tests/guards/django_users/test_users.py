"""Django's users as the accounts of the gate: a user model without a user name, with a UUID as its key."""

import asyncio
from typing import Any

import pytest

from tests.guards.django_users.project import PAGE, PASSWORD, bearer, login, still_in  # configures Django

# isort: split
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import Permission
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db import connection, transaction
from django.http import HttpRequest
from django.test import AsyncClient, Client, override_settings
from django.test.utils import CaptureQueriesContext

from gatepass.core.hook_facts import NO_REQUEST
from gatepass.errors import ConfigurationError
from gatepass.gate import Gatepass
from gatepass.guards.django.conf import gate as project_gate
from gatepass.guards.django.users import DjangoUsers
from gatepass.testing import memory_gate
from tests.support.gates import SECRET

DOORS = ["/assertion", "/by-django", "/by-django-async"]


class TestSignIn:
    def test_a_person_signs_in_with_the_password_that_django_has(self, ann: Any) -> None:
        token = bearer(login())
        assert Client().get("/token", headers=token).content == str(ann.pk).encode()
        assert Client().get("/who", headers=token).json() == {"who": "ann@example.com"}

    @pytest.mark.parametrize("email", ["ann@example.com", "ben@example.com"])
    def test_who_is_wrong_unknown_or_inactive_gets_one_answer(self, ann: Any, email: str) -> None:
        assert login("wrong", email=email).json()["code"] == "invalid-credentials"
        get_user_model().objects.update(is_active=False)
        assert login(email=email).json()["code"] == "invalid-credentials"

    def test_django_is_told_with_the_request_that_it_received(self, ann: Any) -> None:
        """django-axes#877, djangorestframework-simplejwt#752: no request, or no signal."""
        told: list[tuple[str, str | None]] = []

        def failed(request: HttpRequest, credentials: dict[str, str], **_: Any) -> None:
            told.append((credentials["username"], request.META["REMOTE_ADDR"]))
            assert PASSWORD not in credentials.values()

        def signed_in(request: HttpRequest, user: Any, **_: Any) -> None:
            told.append((str(user.pk), request.META["REMOTE_ADDR"]))

        user_login_failed.connect(failed)
        user_logged_in.connect(signed_in)
        login("wrong")
        login()
        user_login_failed.disconnect(failed)
        user_logged_in.disconnect(signed_in)
        assert told == [("ann@example.com", "127.0.0.1"), (str(ann.pk), "127.0.0.1")]
        ann.refresh_from_db()
        assert ann.last_login is not None, "django-rest-framework-jwt#235"

    def test_it_works_in_a_transaction_of_a_test_and_with_atomic_requests(self, gate: Gatepass) -> None:
        connection.settings_dict["ATOMIC_REQUESTS"] = True
        try:
            with transaction.atomic():
                get_user_model().objects.create_user("ann@example.com", PASSWORD)
                assert Client().get("/who", headers=bearer(login())).json() == {"who": "ann@example.com"}
                transaction.set_rollback(True)
        finally:
            connection.settings_dict["ATOMIC_REQUESTS"] = False
        assert login().status_code == 401

    @pytest.mark.parametrize("way", DOORS)
    def test_the_application_signs_somebody_in_by_the_key(self, ann: Any, way: str) -> None:
        answer = Client().get(way, {"id": str(ann.pk)}, secure=True)
        assert Client().get("/who", headers=bearer(answer)).json() == {"who": "ann@example.com"}
        ann.refresh_from_db()
        assert ann.last_login is not None

    @pytest.mark.parametrize("way", DOORS[1:])
    def test_so_it_does_in_the_transaction_of_a_test(self, gate: Gatepass, way: str) -> None:
        with transaction.atomic():
            ben = get_user_model().objects.create_user("ben@example.com", PASSWORD)
            assert bearer(Client().get(way, {"id": str(ben.pk)}, secure=True))
            ben.refresh_from_db()
            assert ben.last_login is not None
            transaction.set_rollback(True)

    @pytest.mark.parametrize("way", DOORS)
    def test_who_is_inactive_is_not_signed_in_by_the_application_either(self, ann: Any, way: str) -> None:
        get_user_model().objects.update(is_active=False)
        assert Client().get(way, {"id": str(ann.pk)}, secure=True).status_code in (401, 403)

    @pytest.mark.parametrize("unknown", ["4926bab5-8846-4f8f-974b-e8b9effb5a7d", "no-uuid", "7"])
    def test_a_key_that_nobody_has_is_refused(self, unknown: str) -> None:
        assert Client().get("/assertion", {"id": unknown}, secure=True).status_code in (401, 403)

    async def test_so_it_is_under_asgi(self, gate: Gatepass) -> None:
        await sync_to_async(get_user_model().objects.create_user)("ann@example.com", PASSWORD)
        body = {"email": "ann@example.com", "password": PASSWORD}
        answer = await AsyncClient().post(
            "/auth/login", body, content_type="application/json", headers=PAGE, secure=True
        )
        found = await AsyncClient().get("/who-async", headers=bearer(answer))
        assert found.json() == {"who": "ann@example.com", "same": "ann@example.com"}


class TestUser:
    def test_it_is_read_when_it_is_used_and_once(self, ann: Any) -> None:
        token = bearer(login())
        with CaptureQueriesContext(connection) as queries:
            Client().get("/token", headers=token)
        assert len(queries) == 0
        with CaptureQueriesContext(connection) as queries:
            Client().get("/login-required", headers=token)
        assert len(queries) == 1

    def test_without_a_token_nobody_is_signed_in(self) -> None:
        assert Client().get("/who").json() == {"who": ""}
        assert Client().get("/who", headers={"Authorization": "Bearer of-another-scheme"}).json() == {"who": ""}
        assert Client().get("/login-required").status_code == 302

    def test_an_invalid_token_of_ours_is_a_401(self, ann: Any) -> None:
        text = bearer(login())["Authorization"]
        answer = Client().get("/who", headers={"Authorization": text[:-4] + "AAAA"})
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid-token")

    def test_permissions_of_django_are_asked(self, ann: Any) -> None:
        token, client = bearer(login()), Client(enforce_csrf_checks=True)
        assert client.post("/permitted", headers=token).status_code == 403
        ann.user_permissions.add(Permission.objects.get(codename="view_person"))
        assert client.post("/permitted", headers=token).content == b"permitted"

    def test_rest_framework_has_the_row(self, ann: Any) -> None:
        answer = Client().get("/rest", headers=bearer(login()))
        assert answer.json() == {"who": "ann@example.com", "account": str(ann.pk)}
        assert Client().get("/rest").status_code == 401

    @pytest.mark.parametrize("address", ["/ninja/who", "/ninja/who-async"])
    def test_django_ninja_has_the_row(self, ann: Any, address: str) -> None:
        assert Client().get(address, headers=bearer(login())).json() == "ann@example.com"
        assert Client().get(address).status_code == 401

    def test_one_path_has_one_way(self, ann: Any) -> None:
        """strawberry-django-jwt#343, django-rest-framework#8655: the admin's session in the way of a token."""
        ben = get_user_model().objects.create_user("ben@example.com", PASSWORD)
        browser, token = Client(), bearer(login())
        browser.force_login(ben)
        assert browser.get("/who", headers=token).json() == {"who": "ann@example.com"}
        assert browser.get("/who").json() == {"who": ""}, "Django's session says nothing here"
        assert browser.get("/admin/who", headers=token).json() == {"who": "ben@example.com"}
        assert Client().get("/admin/who", headers=token).json() == {"who": ""}, "a token says nothing there"

    async def test_the_session_of_the_admin_is_not_in_the_way_of_an_async_view(self, gate: Gatepass) -> None:
        ben = await sync_to_async(get_user_model().objects.create_user)("ben@example.com", PASSWORD)
        browser = AsyncClient()
        await browser.aforce_login(ben)
        assert (await browser.get("/who-async")).json() == {"who": "", "same": ""}


class TestEnding:
    def test_a_new_password_ends_the_sessions(self, ann: Any) -> None:
        """djangorestframework-simplejwt#59, #927: the tokens of the old password went on."""
        token = bearer(login())
        ann.set_password("another one of old")
        ann.save()
        assert not still_in(token)

    def test_so_does_a_hash_that_is_set_directly(self, ann: Any) -> None:
        token = bearer(login())
        found = get_user_model().objects.get()
        found.password = PBKDF2PasswordHasher().encode("another one", "saltsaltsaltsaltsaltsa", 1)
        found.save(update_fields=["password"])
        assert not still_in(token)

    def test_a_hash_that_django_renews_ends_nothing(self, ann: Any) -> None:
        token = bearer(login())
        outdated = PBKDF2PasswordHasher().encode(PASSWORD, "saltsaltsaltsaltsaltsa", 1)
        get_user_model().objects.update(password=outdated)
        bearer(login())
        assert get_user_model().objects.get().password != outdated
        assert still_in(token)

    def test_who_is_made_inactive_is_out(self, ann: Any) -> None:
        """djangorestframework-simplejwt#812: an inactive user refreshed."""
        token, found = bearer(login()), get_user_model().objects.get()
        found.is_active = False
        found.save()
        assert not still_in(token)

    @pytest.mark.parametrize("by_query", [False, True])
    def test_who_is_deleted_is_out_and_forgotten(self, gate: Gatepass, ann: Any, by_query: bool) -> None:
        """djangorestframework-simplejwt#193, #825, django-rest-framework-jwt#384: a refresh, or a 500."""
        client = Client()
        token, key = bearer(login(client=client)), str(ann.pk)
        (get_user_model().objects.filter(pk=ann.pk) if by_query else ann).delete()
        assert not still_in(token)
        refreshed = client.post("/auth/refresh", content_type="application/json", headers=PAGE, secure=True)
        assert refreshed.status_code == 401
        assert gate.sync.accounts.find(key) is None

    def test_nothing_ends_before_the_commit_nor_after_a_rollback(self, ann: Any) -> None:
        token = bearer(login())
        with pytest.raises(LookupError), transaction.atomic():
            ann.set_password("another one of old")
            ann.save()
            assert still_in(token)
            raise LookupError
        assert still_in(token)
        with transaction.atomic():
            ann.is_active = False
            ann.save()
            assert still_in(token)
        assert not still_in(token)

    def test_what_is_saved_besides_ends_nothing(self, ann: Any) -> None:
        token = bearer(login())
        ann.address = "ann@example.org"
        ann.save()
        with CaptureQueriesContext(connection) as queries:
            ann.save(update_fields=["address"])
        assert len(queries) == 1, "no query of ours where neither field is saved"
        assert still_in(token)

    def test_an_update_of_a_queryset_is_not_seen_and_request_user_is_nobody(self, gate: Gatepass, ann: Any) -> None:
        token = bearer(login())
        get_user_model().objects.update(is_active=False)
        assert still_in(token)
        assert Client().get("/who", headers=token).json() == {"who": ""}
        assert Client().get("/rest", headers=token).status_code == 401
        gate.sync.sessions.revoke_all(str(ann.pk), reason="revoked")
        assert not still_in(token)


def test_a_fault_of_a_back_end_shows_no_password(ann: Any) -> None:
    """A crash report has the local variables of each frame; Django, Sentry and theirs hide those of `verify`."""

    class Broken(DjangoUsers):
        def verify(self, request: HttpRequest, username: str, password: str) -> Any:
            assert password == PASSWORD
            raise OSError("no database")

    with pytest.raises(OSError, match="no database") as raised:
        asyncio.run(Broken().authenticate("ann@example.com", PASSWORD, NO_REQUEST))
    ours = [frame for frame in raised.traceback if "gatepass/guards/django" in str(frame.path)]
    assert {"authenticate", "run", "_verify"} <= {frame.name for frame in ours}
    assert not [frame.name for frame in ours if PASSWORD in repr(frame.locals)]


class TestSetting:
    def test_the_settings_name_the_class(self, gate: Gatepass) -> None:
        named = f"{DjangoUsers.__module__}.DjangoUsers"
        arguments = {"SECRETS": [SECRET], "PUBLIC_URL": "https://testserver", "STORE": "memory://"}
        with override_settings(GATEPASS=arguments, GATEPASS_USERS=named):
            assert isinstance(project_gate().users, DjangoUsers)
        with (
            override_settings(GATEPASS=memory_gate(), GATEPASS_USERS=named),
            pytest.raises(ConfigurationError, match="users="),
        ):
            project_gate()
        with override_settings(GATEPASS=arguments, GATEPASS_USERS="nowhere.Users"), pytest.raises(ConfigurationError):
            project_gate()
