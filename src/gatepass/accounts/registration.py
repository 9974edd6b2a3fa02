"""Registration: open to everyone at once, after the address was verified by mail, or closed."""

from typing import Literal

from gatepass.errors import ConfigurationError

Mode = Literal["open", "verify", "closed"]


def check_mode(mode: Mode, *, sends_mail: bool) -> None:
    """Raise ConfigurationError for a mode that cannot work without mail."""
    if mode == "verify" and not sends_mail:
        raise ConfigurationError(
            "registration with verified addresses needs mail: smtps://user:password@host, or console for development."
        )
