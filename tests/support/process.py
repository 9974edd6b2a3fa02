"""The command line as a process of its own, and a real socket to what it serves."""

import contextlib
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2

from gatepass.wire.asgi import Receive, Scope, Send
from tests.support import preloaded
from tools.services.patience import PATIENCE, until

COMMAND = [sys.executable, "-m", "gatepass"]
_LISTENING = re.compile(r"listens on (?:http://[^:]+:(\d+)|unix:.*:)/auth")


def environment(**settings: str) -> dict[str, str]:
    """This process' environment with these GATEPASS_ settings and no others."""
    clean = {name: value for name, value in os.environ.items() if not name.upper().startswith("GATEPASS_")}
    return {**clean, **{f"GATEPASS_{name}": value for name, value in settings.items()}, "PYTHONWARNINGS": "error"}


def is_listening(port: int) -> bool:
    """Whether a loopback port takes connections."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def until_listening(process: "subprocess.Popen[Any]", port: int, *, output: Path | None = None) -> None:
    """Return once a process that was just started takes connections. Fails, with its output, if it ends instead."""
    until(lambda: process.poll() is not None or is_listening(port), f"a server on port {port}")
    said = output.read_text() if output is not None else ""
    assert process.poll() is None, f"the server on port {port} ended with {process.returncode}\n{said}"


def gatepass(
    folder: Path, *arguments: str, stdin: str | bytes = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    raw = stdin.encode() if isinstance(stdin, str) else stdin
    done = preloaded.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(**settings),
        input=raw,
        capture_output=True,
        timeout=PATIENCE,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


class Serving:
    """A running `gatepass serve` on loopback, or on a Unix socket (port 1).

    What it says is read all the time: a full pipe would stop it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None,
        settings: Mapping[str, str],
        command: Sequence[str] = (*COMMAND, "serve"),
    ) -> None:
        """`port` is None where the command names a socket."""
        self.process = preloaded.start(
            [*command, *(() if port is None else ("--port", str(port)))],
            cwd=folder,
            env=environment(**settings),
            stdin=subprocess.DEVNULL,  # SIGHUP reloads what has no terminal
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        self._lines: list[str] = []
        self._found: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = self._found.get(timeout=PATIENCE)
        if not self.port:
            self.process.wait(timeout=PATIENCE)
            raise AssertionError(f"it did not start: {self._lines}")

    @property
    def said(self) -> str:
        """All that it has said."""
        return "".join(self._lines)

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal and wait for the end: exit code and all that was said."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=PATIENCE)
        self._reader.join()
        return code, "".join(self._lines)

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as said:
            for line in said:
                self._lines.append(line)
                if match := _LISTENING.search(line):
                    self._found.put(int(match[1] or 1))
        self._found.put(0)


@contextlib.contextmanager
def serving(folder: Path, settings: Mapping[str, str] | None = None, *, port: int = 0) -> Iterator[Serving]:
    """Serve until the block ends, however it ends."""
    server = Serving(folder, port=port, settings=settings or {})
    try:
        yield server
    finally:
        server.stop(signal.SIGKILL)


class Remote:
    """A server behind a socket, called like an application. A lost connection is a 599 without a body.

    The transport is used without a client around it, which would keep a cookie jar of its own.
    """

    def __init__(self, base_url: str, transport: httpx2.AsyncHTTPTransport) -> None:
        self.base_url = base_url
        self._transport = transport

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        request = httpx2.Request(
            scope["method"],
            self.base_url + scope["path"],
            headers=[pair for pair in scope["headers"] if pair[0] != b"content-length"],
            content=message.get("body", b""),
            extensions={"timeout": httpx2.Timeout(PATIENCE).as_dict()},
        )
        try:
            answer = await self._transport.handle_async_request(request)
            body = await answer.aread()
        except httpx2.TransportError:
            await send({"type": "http.response.start", "status": 599, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        raw = [(name.lower(), value) for name, value in answer.headers.raw]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": raw})
        await send({"type": "http.response.body", "body": body})
