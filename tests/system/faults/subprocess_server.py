"""`gatepass serve` with a clock that a test can set: the seconds to add to the real time are in a file.

It is a process of its own, because a process has one clock. Everything except the clock is as in `gatepass serve`.
"""

import sys
from pathlib import Path

from gatepass.gate import Gatepass
from gatepass.serving.process import bind, serve
from gatepass.settings import Settings

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # it runs as a file, in the folder of its data

from tests.support.file_clock import FileClock


def main() -> None:
    """`subprocess_server.py FILE --port N`."""
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
