"""Which paths are left to Django's own session: whole segments, and not texts that begin alike."""

import pytest

from tests.guards.django_users import project  # configures Django: before all that needs it

# isort: split
from django.test import override_settings

from gatepass.guards.django.caller import is_left_to_django

assert project


@pytest.mark.parametrize("setting", [["/admin/"], ["/admin"], ["/other/", "/admin"]])
def test_a_path_that_only_begins_alike_is_not_left_to_django(setting: list[str]) -> None:
    with override_settings(GATEPASS_DJANGO_PATHS=setting):
        assert [path for path in ("/admin/", "/admin/people/7/", "/admin") if not is_left_to_django(path)] == []
        assert [path for path in ("/administrators", "/admin-api/x", "/x/admin/", "/") if is_left_to_django(path)] == []


def test_all_paths_may_be_left_to_it() -> None:
    with override_settings(GATEPASS_DJANGO_PATHS=["/"]):
        assert is_left_to_django("/anything")
