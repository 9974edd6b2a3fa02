"""The gate of a Django project, made once from the settings GATEPASS and GATEPASS_USERS."""

import functools
import threading
from collections.abc import Mapping

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from gatepass.errors import ConfigurationError
from gatepass.gate import Gatepass
from gatepass.guards.django.users import DjangoUsers
from gatepass.per_process import PerProcess

SETTINGS = ("GATEPASS", "GATEPASS_USERS")
_making = PerProcess(threading.RLock)
"""Threads that ask for the gate first get the same one: a second gate would have sessions and a store of its own."""


def gate() -> Gatepass:
    """The gate of the setting GATEPASS, or of GATEPASS_* in the environment. Raises ConfigurationError."""
    with _making.here:
        return _gate()


@functools.cache
def _gate() -> Gatepass:
    made = _made(getattr(settings, "GATEPASS", None), getattr(settings, "GATEPASS_USERS", None))
    if isinstance(made.users, DjangoUsers):
        made.users.join(made)
    return made


def django_users() -> DjangoUsers | None:
    """What the gate asks for its users, if they are Django's. Raises ConfigurationError."""
    users = gate().users
    return users if isinstance(users, DjangoUsers) else None


def _made(setting: object, named: str | None) -> Gatepass:
    made: Gatepass
    if named is None:
        made = Gatepass.from_setting(setting)
        return made
    if setting is None:
        return Gatepass.from_env(users=_users(named))
    if isinstance(setting, Mapping):
        made = Gatepass.from_setting({**setting, "USERS": _users(named)})
        return made
    made = Gatepass.from_setting(setting)
    if made.users is None:
        raise ConfigurationError(
            f"GATEPASS_USERS is for a gate that the settings make. Give yours the argument itself: users={named}()."
        )
    return made


def _users(named: str) -> DjangoUsers:
    try:
        made: DjangoUsers = import_string(named)()
    except ImportError as fault:
        raise ConfigurationError(f"GATEPASS_USERS: {fault}.") from fault  # it may lie in what that module imports
    return made


def _forget_gate(*, setting: str, **_: object) -> None:
    if setting in SETTINGS:  # override_settings in an application's tests
        _gate.cache_clear()


setting_changed.connect(_forget_gate)
