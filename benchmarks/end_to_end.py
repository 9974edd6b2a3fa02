"""How long an end-to-end test waits for its own session: `signIn` of gatepass/playwright, in a new context each time.

    python3 run.py bench end_to_end [--contexts 100] [--short]

Caveats first. The server is in memory and in this process, the browser the one of the machine; both share the cores
with Playwright's driver. What a context itself costs, and a page that is loaded in it, is measured beside it: those a
test pays without a session too. Wall-clock time, since a person waits for it; so other programs on the machine count.
"""

import argparse
import json
import os
import subprocess
from pathlib import Path

from benchmarks._options import parse
from tests.system.end_to_end.server import serving
from tools.services.chromium import ARGUMENTS, find_chromium

PROGRAM = Path(__file__).with_name("_end_to_end.mjs")


def main() -> None:
    """Start the server, run the program of Node against it, print what it measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contexts", type=int, default=100)
    options = parse(parser, contexts=3)
    with serving() as server:
        environment = {
            **os.environ,
            "BASE_URL": server.url,
            "CHROMIUM_PATH": find_chromium() or "",
            "CHROMIUM_ARGUMENTS": json.dumps(ARGUMENTS),
            "COUNT": str(options.contexts),
        }
        subprocess.run(["node", str(PROGRAM)], env=environment, check=True)


if __name__ == "__main__":
    main()
