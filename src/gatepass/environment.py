"""Which names of the environment and of the settings file are settings, and what platforms put beside them.

A Kubernetes Service called `gatepass` puts seven variables into every pod of its namespace, GATEPASS_PORT=tcp://… among
them; `docker run --link` does the same. No operator wrote them, so they are no misspelt settings.
"""

import difflib
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from dotenv import dotenv_values

from gatepass.errors import ConfigurationError

PREFIX = "GATEPASS_"
_PROTOCOL = "(TCP|UDP|SCTP)"
_ADDRESS, _DIGITS, _URL = r"\S+", "[0-9]{1,5}", r"(tcp|udp|sctp)://\S+"
_KINDS = {
    "SERVICE_HOST": _ADDRESS,
    "SERVICE_PORT(_[A-Z0-9_]+)?": _DIGITS,
    f"PORT(_[0-9]+_{_PROTOCOL}(_START|_END)?)?": _URL,
    f"PORT_[0-9]+_{_PROTOCOL}_PORT(_START|_END)?": _DIGITS,
    f"PORT_[0-9]+_{_PROTOCOL}_PROTO": "tcp|udp|sctp",
    f"PORT_[0-9]+_{_PROTOCOL}_ADDR": _ADDRESS,
    "NAME": r"/\S+",
}
"""The variables of a link, after the name of the service or container, and their values.

The value decides too: GATEPASS_PORT=8000 was written by an operator.
"""
_SERVICE = "GATEPASS(_[A-Z0-9_]+)?_"
LINK_NAME = re.compile(f"{_SERVICE}({'|'.join(_KINDS)}|ENV_.+)")
"""The names that service links of Kubernetes and links of Docker make. No setting may have such a name."""
_SHAPES = [(re.compile(_SERVICE + kind), re.compile(value, re.IGNORECASE)) for kind, value in _KINDS.items()]


def read_names(in_file: Iterable[str]) -> set[str]:
    """The names with our prefix in the environment and in the settings file, without those of links."""
    ours = {name.upper(): value for name, value in os.environ.items() if name.upper().startswith(PREFIX)}
    links = set(_links(ours))
    return (ours.keys() - links) | {name.upper() for name in in_file if name.upper().startswith(PREFIX)}


def has_file(path: Path) -> bool:
    """Whether there is a file. Raises ConfigurationError if this user may not even see that."""
    try:
        return stat.S_ISREG(path.stat().st_mode)  # Path.is_file() says no of what it may not see, from Python 3.14
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as fault:
        raise _unreadable(path, fault) from None


def _unreadable(path: Path, fault: OSError) -> ConfigurationError:
    return ConfigurationError(f"{path} cannot be read by this user ({fault.strerror}).")


def read_file(file: Path) -> Mapping[str, str]:
    """The settings in a file, by their names in upper case; empty if there is none. Raises ConfigurationError."""
    try:
        found = dotenv_values(file) if has_file(file) else {}
    except OSError as fault:
        raise _unreadable(file, fault) from None
    return {name.upper(): value or "" for name, value in found.items()}


def given_names() -> dict[str, str]:
    """The environment by its names in upper case, without what is empty: that counts as not given."""
    return {name.upper(): value for name, value in os.environ.items() if value}


def overridden_names(options: Collection[str], in_file: Collection[str]) -> set[str]:
    """Those of `options`, which exclude each other, that stand in the file while another is in the environment."""
    here = given_names()
    in_environment = {option for option in options if PREFIX + option.upper() in here}
    others = {option for option in options if PREFIX + option.upper() in in_file} - in_environment
    return others if in_environment else set()


def unknown_names(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """A fault for each name that is no setting, with the setting that was probably meant."""
    known = set(known)
    faults = []
    for name in sorted(set(names) - known):
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        if name == f"{PREFIX}PORT":
            hint = " The port is an option: gatepass serve --port."
        faults.append(f"{name} is not a setting.{hint}")
    return faults


def bare_names(in_file: Iterable[str], known: Collection[str]) -> list[str]:
    """A fault for each name of the settings file that is a setting without its prefix, and would have no effect."""
    return [f"{name} has no effect without its prefix: {PREFIX}{name}." for name in in_file if PREFIX + name in known]


def _links(ours: Mapping[str, str]) -> Iterator[str]:
    """The names of links among those with our prefix."""
    named = [name for name, value in ours.items() if _is_of_link(name, value)]
    yield from named
    # Docker copies the environment of a linked container, under its alias: GATEPASS_ENV_PATH beside GATEPASS_NAME.
    aliases = {name.removesuffix("_NAME") for name in named if name.endswith("_NAME")}
    yield from (name for name in ours if any(name.startswith(f"{alias}_ENV_") for alias in aliases))


def _is_of_link(name: str, value: str) -> bool:
    return any(kind.fullmatch(name) and shape.fullmatch(value) for kind, shape in _SHAPES)
