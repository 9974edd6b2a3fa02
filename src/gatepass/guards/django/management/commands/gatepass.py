"""`manage.py gatepass …`: the commands of `gatepass` for the gate of the project's settings.

manage.py gatepass sessions revoke --account 7
manage.py gatepass migrate
"""

import argparse
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gatepass.errors import ConfigurationError
from gatepass.guards.django.conf import gate

COMMANDS = ("sessions", "migrate", "doctor", "keys", "audit")


class Command(BaseCommand):
    """Passes its arguments on."""

    help = "Runs a command of gatepass for the gate of this project: " + ", ".join(COMMANDS)
    requires_system_checks = ()  # a wrong setting is told by the gate itself

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """All of them are for the command of gatepass."""
        parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="command", help="such as: sessions list")

    def run_from_argv(self, argv: list[str]) -> None:
        """As manage.py calls it. Options that Django has too, such as --help after a command, are gatepass's."""
        if len(argv) < 3 or argv[2].startswith("-"):
            super().run_from_argv(argv)
            return
        try:
            self.handle(arguments=argv[2:])
        except (CommandError, ConfigurationError) as fault:
            self.stderr.write(str(fault))
            raise SystemExit(1) from None

    def handle(self, *_: Any, arguments: list[str], **__: Any) -> None:
        """Exits with the code of the command. Raises CommandError for one that is not for projects."""
        from gatepass.cli import main  # with the extra `cli`

        if not arguments or arguments[0] not in COMMANDS:
            raise CommandError(f"Name a command: {', '.join(COMMANDS)}.")
        if arguments[0] == "doctor" and getattr(settings, "GATEPASS", None) is not None:
            raise CommandError("doctor reads GATEPASS_*, and this gate is made in the settings: manage.py check")
        main.main(arguments, prog_name="manage.py gatepass", obj=gate())
