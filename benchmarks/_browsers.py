"""The load generator: keep-alive connections, one session each, that refresh as a browser does.

Each is bound at its sign-in and sends its proof with each refresh (PROTOCOL §5); anything but an advance by one
generation ends the benchmark. Its own ceiling on the machine that we measured on is about 20 times what a server
answers.

A connection lives as long as one slice: a server closes one that says nothing for SLOW_REQUEST, or that idles between
two requests for longer than its keep-alive, and a benchmark may prepare or measure something else for minutes.
"""

import asyncio
import base64
import contextlib
import hmac
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from tools.services.patience import PATIENCE

PASSWORD = "correct horse battery staple"
_COOKIE = re.compile(rb"set-cookie: ([^=\s]+)=([^;\r\n]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


@dataclass
class Slice:
    """What one row came to in one round. CPU in seconds; `wal` in bytes."""

    done: int
    seconds: float
    latencies: list[float] = field(default_factory=list)
    server_cpu: float = 0.0
    store_cpu: float = 0.0
    wal: float = 0.0

    @property
    def rate(self) -> float:
        """Per second."""
        return self.done / self.seconds


class Browser:
    """One session's cookies and key, and a connection inside `connected`. `raw` is the last answer as it came."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.key = secrets.token_bytes(32)
        self.cookies: dict[str, str] = {}
        self.raw = b""
        self._state = f"gatepass_state_{port}"

    async def connect(self) -> None:
        """Open the connection."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def disconnect(self) -> None:
        """Close the connection."""
        self.writer.close()
        with contextlib.suppress(OSError):  # the server may have been first
            await self.writer.wait_closed()

    async def sign_in(self, path: str, email: str) -> None:
        """Register or log in."""
        secret = base64.urlsafe_b64encode(self.key).decode().rstrip("=")
        body = json.dumps({"email": email, "password": PASSWORD, "binding_secret": secret}).encode()
        status, answer = await self.post(path, ["Gatepass-Client: 1"], body)
        if status not in (200, 201):
            raise SystemExit(f"{path} answered {status}: {answer[:200]!r}")

    async def refresh(self) -> None:
        """Present the newest token."""
        generation = int(self.cookies[self._state].split(".")[1])
        status, answer = await self.present()
        if status != 200 or int(self.cookies[self._state].split(".")[1]) != generation + 1:
            raise SystemExit(f"refresh answered {status}: {answer[:200]!r}")

    async def present(self) -> tuple[int, bytes]:
        """One refresh request, whatever is answered."""
        sid, generation, challenge, _ = self.cookies[self._state].split(".")
        mac = hmac.digest(self.key, f"gatepass refresh|{sid}|{generation}|{challenge}".encode(), "sha256")
        proof = base64.urlsafe_b64encode(mac)[:22].decode()
        headers = [
            f"Gatepass-Proof: {generation}.{challenge}.{proof}",
            f"Gatepass-Session: {sid}",
            "Sec-Fetch-Site: same-origin",
            "Cookie: " + "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        ]
        return await self.post("/auth/refresh", headers, b"")

    async def post(self, path: str, headers: list[str], body: bytes) -> tuple[int, bytes]:
        """One POST on the open connection; a body is JSON."""
        return await self.ask("POST", path, ["Content-Type: application/json", *headers] if body else headers, body)

    async def ask(self, method: str, path: str, headers: list[str], body: bytes = b"") -> tuple[int, bytes]:
        """One request on the open connection."""
        head = [f"{method} {path} HTTP/1.1", f"Host: localhost:{self.port}", f"Content-Length: {len(body)}"]
        self.writer.write("\r\n".join([*head, *headers, "", ""]).encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(answer)
        content = await (self.reader.readexactly(int(length[1])) if length else self._chunks(answer))
        self.cookies.update((name.decode(), value.decode()) for name, value in _COOKIE.findall(answer))
        self.raw = answer + content
        return int(answer.split(b" ", 2)[1]), content

    async def _chunks(self, head: bytes) -> bytes:
        """The body of an answer without a length, as Node writes one."""
        content = b""
        while b"transfer-encoding: chunked" in head.lower():
            size = int(await self.reader.readline(), 16)
            content += (await self.reader.readexactly(size + 2))[:size]
            if not size:
                break
        return content


@contextlib.asynccontextmanager
async def connected(browsers: Sequence[Browser]) -> AsyncIterator[None]:
    """A fresh connection for each browser, closed when the block ends."""
    async with contextlib.AsyncExitStack() as stack:
        for browser in browsers:
            await browser.connect()
            stack.push_async_callback(browser.disconnect)
        yield


async def signed_in(port: int, count: int) -> list[Browser]:
    """So many sessions of one account, without connections."""
    await wait_for(port)
    browsers = [Browser(port) for _ in range(count)]
    for number, browser in enumerate(browsers):
        async with connected([browser]):
            await browser.sign_in("/auth/login" if number else "/auth/register", "bench@example.com")
    return browsers


async def load(
    browsers: Sequence[Browser],
    seconds: float,
    *,
    server_cpu: Callable[[], float],
    store_cpu: Callable[[], float],
    advances: bool = True,
) -> Slice:
    """All browsers refresh in parallel, each one after the other, for so long. `advances`: each answer must."""
    latencies: list[float] = []
    async with connected(browsers):
        server, store = server_cpu(), store_cpu()
        start = time.perf_counter()
        end = start + seconds

        async def keep_refreshing(browser: Browser) -> None:
            after = start
            while not latencies or after < end:  # of a slice in which nothing was done nothing can be said
                before = time.perf_counter()
                await (browser.refresh() if advances else browser.present())
                after = time.perf_counter()
                latencies.append(after - before)

        await asyncio.gather(*map(keep_refreshing, browsers))
        return Slice(len(latencies), time.perf_counter() - start, latencies, server_cpu() - server, store_cpu() - store)


async def wait_for(port: int) -> None:
    """Until a process listens there."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise SystemExit("the server did not start")
