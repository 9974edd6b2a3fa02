"""The command line as a process of its own, and a real socket to what it serves."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2

from gatepass.wire.asgi import Receive, Scope, Send

COMMAND = [sys.executable, "-m", "gatepass"]
_LISTENING = re.compile(r"listens on http://[^:]+:(\d+)/auth")


def environment(**settings: str) -> dict[str, str]:
    """This process' environment with these GATEPASS_ settings and no others."""
    clean = {name: value for name, value in os.environ.items() if not name.upper().startswith("GATEPASS_")}
    return {**clean, **{f"GATEPASS_{name}": value for name, value in settings.items()}, "PYTHONWARNINGS": "error"}


def gatepass(
    folder: Path, *arguments: str, stdin: str | bytes = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    raw = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(**settings),
        input=raw,
        capture_output=True,
        timeout=30,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


class Serving:
    """A running `gatepass serve`. `port` is where it listens; `said` is what it wrote until then."""

    def __init__(self, process: subprocess.Popen[str], port: int, said: str) -> None:
        self.process = process
        self.port = port
        self.said = said

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal, wait for the end; exit code and what it wrote since the start."""
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=15)
        return self.process.returncode, rest


@contextlib.contextmanager
def serving(folder: Path, *, port: int = 0, **settings: str) -> Iterator[Serving]:
    """Serve on a loopback port until the block ends, however it ends."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", str(port)],
        cwd=folder,
        env=environment(**settings),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    try:
        for line in process.stderr:
            said += line
            if match := _LISTENING.search(line):
                yield Serving(process, int(match[1]), said)
                break
        else:
            raise AssertionError(f"it did not start: {said}")
    finally:
        process.kill()
        process.communicate()


class Remote:
    """A server behind a socket, called like an application. A lost connection is a 599 without a body."""

    def __init__(self, base_url: str, client: httpx2.AsyncClient) -> None:
        self._base_url = base_url
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        headers = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
        try:
            answer = await self._client.request(
                scope["method"], self._base_url + scope["path"], headers=headers, content=message.get("body", b"")
            )
        except httpx2.TransportError:
            await send({"type": "http.response.start", "status": 599, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        raw = [(name.lower(), value) for name, value in answer.headers.raw]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": raw})
        await send({"type": "http.response.body", "body": answer.content})
