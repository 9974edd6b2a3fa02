"""`gatepass serve` as the suite needs it: with the times, the clock and the guard of `program.py`, or with a mutant.

It is a process of its own, because a process has one clock. Everything else is as in `gatepass serve`.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # it runs as a file, in the folder of its data

from gatepass.gate import Gatepass
from tests.system.faults.program import Asked, make_gate, read_arguments


def main() -> None:
    """`subprocess_server.py OPTIONS --port N [--workers N]`."""
    options, arguments = read_arguments()

    def gate(**settings: Any) -> Gatepass:
        made = make_gate(options, **settings)
        made.served = Asked(made.served, {"server": made.check}, gate=made)
        return made

    command = import_module("gatepass.cli.serve")
    command.Gatepass = gate  # type: ignore[attr-defined]
    command.serve(args=["--port", str(arguments.port), "--workers", str(arguments.workers)])


if __name__ == "__main__":
    main()
