"""Each test has a gate of its own over Django's users, and the tables of the module."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.guards.django_users import project  # configures Django: before all that needs it

# isort: split
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import override_settings

from gatepass.gate import Gatepass
from gatepass.guards.django.users import DjangoUsers
from gatepass.testing import memory_gate


@pytest.fixture(scope="module", autouse=True)
def tables() -> None:
    call_command("migrate", run_syncdb=True, verbosity=0)


@pytest.fixture(autouse=True)
def gate(tables: None) -> Iterator[Gatepass]:
    made = memory_gate(users=DjangoUsers())
    with override_settings(
        GATEPASS=made, ROOT_URLCONF=project.__name__, MIDDLEWARE=project.MIDDLEWARE, PASSWORD_HASHERS=project.HASHERS
    ):
        yield made
        get_user_model().objects.all().delete()
    made.background.stop()


@pytest.fixture
def ann(gate: Gatepass) -> Any:
    return get_user_model().objects.create_user("ann@example.com", project.PASSWORD)
