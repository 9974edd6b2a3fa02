"""A process that signs in no one: guards of every kind, each with its own way to hear of revocations.

same store       a gate over the store of the server: LISTEN, SUBSCRIBE
polling          the same through a pooler: a look every second
event stream     a RemoteGate that follows the server
behind a gate    a RemoteGate that follows the gate of this process, which hears from the store
"""

import contextlib
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # it runs as a file, in the folder of its data

from gatepass.gate import Gatepass
from gatepass.remote import RemoteGate, RemoteRevocations
from gatepass.serving.process import bind, serve
from gatepass.settings import Settings
from gatepass.wire.asgi import Receive, Scope, Send
from tests.support.file_clock import FileClock
from tests.system.faults.program import (
    FEED_SECRET,
    ISSUER,
    SKEW,
    Asked,
    Options,
    make_gate,
    read_arguments,
)


def main() -> None:
    """`subprocess_guards.py OPTIONS --port N`."""
    options, arguments = read_arguments()
    listener = bind("127.0.0.1", arguments.port)
    settings = Settings.load(public_url=f"http://localhost:{arguments.port}").arguments()
    gates: dict[str, Gatepass] = {}
    remotes: dict[str, RemoteGate] = {}
    for guard in options.guards:
        if "store" in guard:
            stores = {"store": guard["store"], "sessions": guard.get("sessions") or None}
            gates[guard["name"]] = make_gate(options, **{**settings, **stores})
        else:
            remotes[guard["name"]] = _remote(options, guard, own=arguments.port)
    checks = {name: gate.check for name, gate in gates.items()} | {name: gate.check for name, gate in remotes.items()}
    first = next(iter(gates.values()), None)
    app = Asked(first.served if first else _nothing, checks)

    @contextlib.asynccontextmanager
    async def around() -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for gate in gates.values():
                await stack.enter_async_context(gate.running())
            yield

    def started() -> None:
        for remote in remotes.values():  # it may follow a gate of this process, which has only just begun to listen
            threading.Thread(target=remote.wait_until_open, daemon=True).start()
        print(f"listens on http://127.0.0.1:{arguments.port}/auth", file=sys.stderr, flush=True)

    serve(app, listener, around=around, started=started)


def _remote(options: Options, guard: Mapping[str, str], *, own: int) -> RemoteGate:
    url = guard["url"].replace(":OWN/", f":{own}/")
    clock = FileClock(Path(options.clock)) if options.clock else None
    revocations = RemoteRevocations(
        f"{url}/revocations", secret=FEED_SECRET, lifetime=options.life, max_age=options.max_age, clock=clock
    )
    return RemoteGate(
        f"{url}/jwks.json", issuer=ISSUER, audience=ISSUER, revocations=revocations, skew=SKEW, clock=clock
    )


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    main()
