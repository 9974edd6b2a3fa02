"""The gate of a Django project, made once from the setting GATEPASS."""

import functools

from django.conf import settings
from django.core.signals import setting_changed

from gatepass.gate import Gatepass


@functools.cache
def gate() -> Gatepass:
    """The gate of the setting GATEPASS, or of GATEPASS_* in the environment. Raises ConfigurationError."""
    made: Gatepass = Gatepass.from_setting(getattr(settings, "GATEPASS", None))
    return made


def _forget_gate(*, setting: str, **_: object) -> None:
    if setting == "GATEPASS":  # override_settings in an application's tests
        gate.cache_clear()


setting_changed.connect(_forget_gate)
