"""Refreshes per second over HTTP, beside the raw SQLite statement in the same run.

    python3 run.py bench refresh [--seconds 2] [--rounds 7] [--connections 1 32]

Caveats first. Server and load generator share this machine's cores, and its speed drifts from minute to
minute: compare ratios inside one run, not figures of two runs. Every round measures each row for a slice of
time, in turn; the table shows medians over the rounds. The whole HTTP refresh is measured: cross-site check,
MAC, one committed row (WAL, synchronous=NORMAL, as the store does for refreshes), a signed access token, both
cookies, an audit event. The raw rows are the same UPDATE at the same setting, in one thread, without anything else.

The load generator holds one session per connection and follows its rotation as a browser would, with an
Idempotency-Key; every answer must be a 200 that advances by one generation.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PASSWORD = "correct horse battery staple"
_COOKIE = re.compile(rb"set-cookie: (gatepass_\d+|gatepass_state_\d+)=([^;\r\n]+)", re.IGNORECASE)
_TICK = os.sysconf("SC_CLK_TCK")
_SCHEMA = """
CREATE TABLE s (sid BLOB PRIMARY KEY, generation INTEGER, fingerprint BLOB, key_hash BLOB, committed_at INTEGER,
                ancestors BLOB, expires_at INTEGER, revoked_at INTEGER, rest TEXT) STRICT, WITHOUT ROWID
"""
_SWAP = """
UPDATE s SET generation = ?, fingerprint = ?, key_hash = ?, committed_at = ?,
             ancestors = substr(CAST(fingerprint || key_hash || ancestors AS BLOB), 1, 512)
WHERE sid = ? AND generation = ? AND fingerprint = ? AND revoked_at IS NULL AND expires_at > ? RETURNING rest
"""


@dataclass
class Slice:
    """What one row came to in one round."""

    done: int
    seconds: float
    latencies: list[float] = field(default_factory=list)
    server_cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Per second."""
        return self.done / self.seconds


class Browser:
    """One keep-alive connection with one session's cookies and key."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.key = secrets.token_bytes(32)
        self.cookies: dict[str, str] = {}

    async def connect(self) -> None:
        """Open the connection."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def sign_in(self, path: str, email: str) -> None:
        """Register or log in."""
        body = json.dumps({"email": email, "password": PASSWORD}).encode()
        status, answer = await self.post(path, ["Gatepass-Client: 1"], body)
        if status not in (200, 201):
            raise SystemExit(f"{path} answered {status}: {answer[:200]!r}")

    async def refresh(self) -> None:
        """Present the newest token; anything but an advance ends the benchmark."""
        sid, generation, _ = self.cookies[f"gatepass_state_{self.port}"].split(".")
        mac = hmac.digest(self.key, f"{sid}|{generation}".encode(), "sha256")
        key = base64.urlsafe_b64encode(mac)[:22].decode()
        headers = [
            f"Idempotency-Key: {generation}.{key}",
            f"Gatepass-Session: {sid}",
            "Sec-Fetch-Site: same-origin",
            "Cookie: " + "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        ]
        status, answer = await self.post("/auth/refresh", headers, b"")
        after = int(self.cookies[f"gatepass_state_{self.port}"].split(".")[1])
        if status != 200 or after != int(generation) + 1:
            raise SystemExit(f"refresh answered {status}: {answer[:200]!r}")

    async def post(self, path: str, headers: list[str], body: bytes) -> tuple[int, bytes]:
        """One request on the open connection."""
        head = [f"POST {path} HTTP/1.1", f"Host: localhost:{self.port}", f"Content-Length: {len(body)}"]
        if body:
            head.append("Content-Type: application/json")
        self.writer.write("\r\n".join([*head, *headers, "", ""]).encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
        content = await self.reader.readexactly(int(length[1])) if length else b""
        self.cookies.update((name.decode(), value.decode()) for name, value in _COOKIE.findall(answer))
        return int(answer.split(b" ", 2)[1]), content


def server_cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


async def load(browsers: list[Browser], seconds: float, pid: int) -> Slice:
    """All browsers refresh in parallel, each one after the other, for so long."""
    latencies: list[float] = []
    cpu = server_cpu(pid)
    start = time.perf_counter()
    end = start + seconds

    async def keep_refreshing(browser: Browser) -> None:
        while (before := time.perf_counter()) < end:
            await browser.refresh()
            latencies.append(time.perf_counter() - before)

    await asyncio.gather(*(keep_refreshing(browser) for browser in browsers))
    return Slice(len(latencies), time.perf_counter() - start, latencies, server_cpu(pid) - cpu)


def raw_sqlite(folder: Path, *, per_commit: int) -> Callable[[float], Slice]:
    """The swap statement alone, on one connection, so many in a commit."""
    connection = sqlite3.connect(folder / f"raw{per_commit}.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(_SCHEMA)
    sids = [secrets.token_bytes(16) for _ in range(1_000)]
    blank = bytes(16)
    rows = [(sid, 0, blank, blank, 0, b"", 2**40, "x" * 80) for sid in sids]
    connection.executemany("INSERT INTO s VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?)", rows)
    heads = dict.fromkeys(sids, (0, blank))

    def swap(sid: bytes) -> None:
        generation, fingerprint = heads[sid]
        head = (generation + 1, hashlib.sha256(fingerprint).digest()[:16])
        connection.execute(_SWAP, (*head, blank, 1, sid, generation, fingerprint, 1)).fetchone()
        heads[sid] = head

    def run(seconds: float) -> Slice:
        start, done = time.perf_counter(), 0
        while time.perf_counter() < start + seconds:
            connection.execute("BEGIN IMMEDIATE")
            for _ in range(per_commit):
                swap(sids[done % len(sids)])
                done += 1
            connection.execute("COMMIT")
        return Slice(done, time.perf_counter() - start)

    return run


def start_server(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """`gatepass serve` on a free port with a database of its own."""
    from gatepass.server.serving import bind

    probe = bind("127.0.0.1", 0)
    port = probe.getsockname()[1]
    probe.close()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GATEPASS_")},
        "GATEPASS_SECRET": secrets.token_urlsafe(32),
        "GATEPASS_STORE": f"sqlite:///{folder / 'bench.db'}",
    }
    command = [sys.executable, "-m", "gatepass", "serve", "--port", str(port)]
    log = (folder / "events.log").open("wb")
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    return process, port


async def measure(options: argparse.Namespace, folder: Path) -> dict[str, list[Slice]]:
    """All rows, round by round."""
    process, port = start_server(folder)
    try:
        browsers = [Browser(port) for _ in range(max(options.connections))]
        await wait_for(port)
        for number, browser in enumerate(browsers):
            await browser.connect()
            await browser.sign_in("/auth/login" if number else "/auth/register", "bench@example.com")
        alone, grouped = raw_sqlite(folder, per_commit=1), raw_sqlite(folder, per_commit=50)
        rows: dict[str, list[Slice]] = {}
        for number in range(options.rounds + 1):
            turn = {"raw SQLite, a commit each": alone(options.seconds / 2)}
            turn["raw SQLite, 50 a commit"] = grouped(options.seconds / 2)
            for count in options.connections:
                turn[f"HTTP refresh, {count} conn."] = await load(browsers[:count], options.seconds, process.pid)
            if number:  # the first round warms caches and is not counted
                for name, measured in turn.items():
                    rows.setdefault(name, []).append(measured)
        return rows
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


async def wait_for(port: int) -> None:
    """Until the server listens."""
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise SystemExit("the server did not start")


def report(rows: dict[str, list[Slice]]) -> None:
    """Ratios first."""
    base = statistics.median(part.rate for part in rows["raw SQLite, a commit each"])
    print(f"{'':28}{'ratio':>7}{'per s':>9}{'p50 ms':>9}{'p99 ms':>9}{'server CPU ms':>15}")
    for name, parts in rows.items():
        rate = statistics.median(part.rate for part in parts)
        line = f"{name:28}{rate / base:7.2f}{rate:9.0f}"
        latencies = sorted(latency for part in parts for latency in part.latencies)
        if latencies:
            p50, p99 = (latencies[int(len(latencies) * q)] * 1000 for q in (0.5, 0.99))
            cpu = statistics.median(part.server_cpu / part.done for part in parts) * 1000
            line += f"{p50:9.2f}{p99:9.2f}{cpu:15.3f}"
        print(line)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description="Refreshes per second over HTTP on SQLite.")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 32])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gatepass-bench-") as folder:
        report(asyncio.run(measure(options, Path(folder))))


if __name__ == "__main__":
    main()
