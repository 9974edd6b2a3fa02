"""`gatepass serve` with a clock that a test can set: seconds to add to the real time, in a file.

A process of its own, because that is what has a clock; everything but the clock is as it is served.
"""

import sys
from pathlib import Path

from gatepass.gate import Gatepass
from gatepass.server.serving import bind, serve
from gatepass.settings import Settings

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.support.file_clock import FileClock


def main() -> None:
    """`program.py FILE --port N`."""
    _, file, _, wanted = sys.argv
    listener = bind("127.0.0.1", int(wanted))
    port = listener.getsockname()[1]
    settings = Settings.load(public_url=f"http://localhost:{port}").arguments()
    gate = Gatepass(**settings, clock=FileClock(Path(file)))

    def started() -> None:
        print(f"Gatepass listens on http://127.0.0.1:{port}/auth", file=sys.stderr, flush=True)

    serve(gate.served, listener, around=gate.running, started=started)


if __name__ == "__main__":
    main()
