"""The command line: one file per group of commands, joined here.

Exit codes: 0 done, 1 refused or failed (with a sentence on standard error that says what to do), 2 usage.
"""

import sys

try:
    import click
except ModuleNotFoundError as missing:  # pragma: no cover - exercised in a process of its own
    if missing.name != "click":
        raise
    sys.exit("The command line needs its extra: pip install 'gatepass[cli]'")

from gatepass.cli.group import Commands, Later

HOMES = {
    "serve": "serve",
    "demo": "serve",
    "new": "new",
    "init": "init",
    "secret": "init",
    "accounts": "accounts",
    "sessions": "sessions",
    "keys": "keys",
    "audit": "audit",
    "login": "login",
    "logout": "login",
    "whoami": "login",
    "request": "login",
    "migrate": "migrate",
    "backup": "backup",
    "doctor": "doctor",
}
"""Each command, and the file that it is in."""


@click.group(
    cls=Commands,
    commands=Later({name: f"{__name__}.{file}" for name, file in HOMES.items()}),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="gatepass")
def main() -> None:
    """Sign-in and sessions for Python back ends."""


__all__ = ["main"]
