"""Providers as settings: each has a name of its own in the middle of the names of its settings.

    GATEPASS_OIDC_GOOGLE_ISSUER=https://accounts.google.com
    GATEPASS_OIDC_GOOGLE_CLIENT_ID=…            GATEPASS_OIDC_GOOGLE_CLIENT_SECRET_FILE=/run/secrets/google

The provider is `google`; OIDC_OUR_KEYCLOAK_… is `our-keycloak`.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from gatepass.environment import PREFIX, given_names
from gatepass.errors import ConfigurationError
from gatepass.oidc.options import Provider

PROVIDERS = f"{PREFIX}OIDC_"
LISTS = ("SCOPES", "ALGORITHMS", "ACR_VALUES", "TENANTS")
NUMBERS = ("MAX_AGE", "CLOCK_SKEW")
TEXTS = (
    "ISSUER",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "CLIENT_SECRET_FILE",
    "CLIENT_KEY_FILE",
    "CLIENT_KEY_ID",
    "CLIENT_KEY_AUDIENCE",
    "ADAPTER",
    "CLIENT_AUTHENTICATION",
    "PROMPT",
    "RESPONSE_MODE",
    "LOGOUT_ENDS",
    "REDIRECT_URI",
)
OPTIONS = (*TEXTS, *LISTS, *NUMBERS)
"""What follows the name of the provider."""
_SETTING = re.compile(rf"{PROVIDERS}([A-Z][A-Z0-9_]*?)_({'|'.join(sorted(OPTIONS, key=len, reverse=True))})")
_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def is_of_provider(name: str) -> bool:
    """Whether a setting is one of a provider."""
    return _SETTING.fullmatch(name) is not None


def near_miss(name: str) -> str | None:
    """A fault for a name that begins as one of a provider and is none; None for another name."""
    if not name.startswith(PROVIDERS) or is_of_provider(name):
        return None
    close = [option for option in OPTIONS if name.endswith(option)] or difflib.get_close_matches(
        name.rpartition("_")[2], OPTIONS, n=1
    )
    hint = f" Did you mean {PROVIDERS}<NAME>_{close[0]}?" if close else ""
    return f"{name} is not a setting.{hint}"


def read_providers(names: Iterable[str], in_file: Mapping[str, str]) -> tuple[list[Provider], list[str]]:
    """The providers that settings name, in the order of their names, and the faults found.

    The environment counts before the file. A setting that is empty is none, and a provider without any is none.
    """
    here = given_names()
    given: dict[str, dict[str, str]] = {}
    for name in sorted(names):
        match = _SETTING.fullmatch(name)
        text = here.get(name) or in_file.get(name)
        if match is not None and text:
            given.setdefault(match[1], {})[match[2]] = text
    providers, faults = [], []
    for prefix, options in given.items():
        try:
            providers.append(_provider(prefix, options))
        except ConfigurationError as fault:
            faults += [_in_environment(line, prefix) for line in str(fault).splitlines()]
    return providers, faults


def _provider(prefix: str, options: Mapping[str, str]) -> Provider:
    arguments: dict[str, object] = {"client_id": ""}
    for option, text in options.items():
        if option in LISTS:
            arguments[option.lower()] = tuple(re.split(r"[,\s]+", text.strip()))
        elif option in NUMBERS:
            arguments[option.lower()] = _seconds(option, text)
        elif not option.endswith("_FILE"):
            arguments[option.lower()] = text
    if "CLIENT_SECRET_FILE" in options:
        if "CLIENT_SECRET" in options:
            raise ConfigurationError("Set `client_secret` or `client_secret_file`, not both.")
        arguments["client_secret"] = _read("client_secret_file", Path(options["CLIENT_SECRET_FILE"]))
    if "CLIENT_KEY_FILE" in options:
        arguments["client_key"] = _read("client_key_file", Path(options["CLIENT_KEY_FILE"]))
    return Provider(name=prefix.lower().replace("_", "-"), **arguments)  # type: ignore[arg-type]


def _seconds(option: str, text: str) -> int:
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ConfigurationError(f"`{option.lower()}`: a duration is a number and a unit: 30s, 15m, 12h or 7d.")
    return int(match[1]) * _UNITS[match[2]]


def _read(option: str, file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"`{option}`: cannot read {file}: {why}") from None


def _in_environment(sentence: str, prefix: str) -> str:
    """A fault with the environment's names for the options."""

    def named(option: re.Match[str]) -> str:
        name = option[1].upper()
        return f"{PROVIDERS}{prefix}_{name}" if name in OPTIONS else option[0]

    return re.sub(r"`([a-z_]+)`", named, sentence)
