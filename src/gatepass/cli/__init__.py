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

from gatepass.cli.accounts import accounts
from gatepass.cli.audit import audit
from gatepass.cli.backup import backup
from gatepass.cli.common import Commands
from gatepass.cli.doctor import doctor
from gatepass.cli.init import init, secret
from gatepass.cli.keys import keys
from gatepass.cli.login import login, logout, request, whoami
from gatepass.cli.migrate import migrate
from gatepass.cli.new import new
from gatepass.cli.serve import demo, serve
from gatepass.cli.sessions import sessions


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gatepass")
def main() -> None:
    """Sign-in and sessions for Python back ends."""


for command in (
    serve,
    demo,
    new,
    init,
    secret,
    accounts,
    sessions,
    keys,
    audit,
    login,
    logout,
    whoami,
    request,
    migrate,
    backup,
    doctor,
):
    main.add_command(command)

__all__ = ["main"]
