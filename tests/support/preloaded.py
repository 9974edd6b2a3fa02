"""Starts Python programs in forks of a process that has imported Gatepass: to import it takes longer than most of them.

    with start([sys.executable, "-m", "gatepass", "serve"], cwd=folder) as server: …     as subprocess.Popen
    run([sys.executable, "app.py"], cwd=folder, capture_output=True)                     as subprocess.run

A program has its folder, variables, arguments, streams, process id, signals and exit code as if it had been executed.
What differs is that the modules of `IMPORTED` are there already, that hashes are cheap (`cheap_hashes.py`), and that it
ends with the process of the tests: after a run that was killed it would load the machine for ever. What is about an
interpreter, its options or its imports is executed, as is all that is no Python program, and everything in a full run.
"""

import contextlib
import functools
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import gatepass
from tests.support import cheap_hashes
from tests.support.full import FULL
from tests.support.imported import IMPORTED
from tools.services.at_end import at_end

_SET_LATER = ("PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONWARNINGS")
"""What an interpreter reads when it starts, and a fork can still be told."""
PYTHONPATH = os.environ.get("PYTHONPATH", "")
"""Before a test sets another."""
OURS = Path(gatepass.__file__).parent
ROOT = Path(__file__).resolve().parents[2]
REQUEST_SIZE = 1 << 17
"""Bytes of the longest request: the variables are most of it."""
_starting = threading.Lock()
"""Threads that start the first programs at the same time share the process that forks."""


def start(command: Sequence[str | os.PathLike[str]], **options: Any) -> "subprocess.Popen[Any]":
    """A program that runs; `options` are those of subprocess.Popen."""
    words = [os.fspath(word) for word in command]
    program, *rest = words
    first = rest[2] if rest[:1] == ["-W"] else "".join(rest[:1])
    is_plain = program == sys.executable and (first in ("-m", "-c") or not first.startswith("-"))
    if FULL or not is_plain or options.keys() & {"preexec_fn", "pass_fds", "executable", "user"}:
        return subprocess.Popen(words, **options)
    variables = options.get("env") or os.environ
    if _fixed(variables) != _fixed(_variables()) or _has_another_gatepass(variables):
        return subprocess.Popen(words, **options)
    return _Forked(words, **options)


def run(command: Sequence[str | os.PathLike[str]], **options: Any) -> "subprocess.CompletedProcess[Any]":
    """A program that has ended; `options` are those of subprocess.run."""
    if options.pop("capture_output", False):
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    typed, timeout, check = options.pop("input", None), options.pop("timeout", None), options.pop("check", False)
    if typed is not None:
        options["stdin"] = subprocess.PIPE
    with start(command, **options) as process:
        try:
            said, faults = process.communicate(typed, timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(process.args, process.returncode, said, faults)
    if check:
        done.check_returncode()
    return done


def _variables() -> dict[str, str]:
    """Those of the process that forks: it finds the Gatepass that this process has found."""
    return {
        name: value
        for name, value in {**os.environ, "PYTHONPATH": PYTHONPATH}.items()
        if not name.upper().startswith("GATEPASS_") and name != "PYTHONWARNINGS"
    }


def _has_another_gatepass(variables: Mapping[str, str]) -> bool:
    """Whether a program would import another one than the fork has, such as an earlier version."""
    places = [Path(place) / "gatepass" for place in variables.get("PYTHONPATH", "").split(os.pathsep) if place]
    found = next((place for place in places if (place / "__init__.py").is_file()), OURS)
    return not found.samefile(OURS)


def _fixed(variables: Mapping[str, str]) -> dict[str, str]:
    """What an interpreter reads when it starts, and a fork cannot be told."""
    return {
        name: value
        for name, value in variables.items()
        if name not in _SET_LATER and value and name.startswith(("PYTHON", "LC_", "LANG", "MALLOC_", "LD_"))
    }


class _Forked(subprocess.Popen[Any]):
    """A grandchild, whose parent tells how it ended. Popen itself makes its pipes, and reads and writes them."""

    def _execute_child(self, args: Any, *how: Any) -> None:
        folder, variables = how[4], how[5]
        stdin, mine, my_stdout, stdout, my_stderr, stderr = how[9:15]
        streams = [number if end == -1 else end for number, end in enumerate((stdin, stdout, stderr))]
        self.pid = _forks().start(
            {
                "words": list(args),
                "folder": os.path.abspath(folder or "."),
                "variables": dict(os.environ if variables is None else variables),
                "is_apart": bool(how[20]),
            },
            streams,
        )
        self._child_created = True
        self._close_pipe_fds(stdin, mine, my_stdout, stdout, my_stderr, stderr)  # type: ignore[attr-defined]

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None and self._waitpid_lock.acquire(blocking=False):  # type: ignore[attr-defined]
            try:
                pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
            finally:
                self._waitpid_lock.release()  # type: ignore[attr-defined]
        return self.returncode

    def _try_wait(self, flags: int) -> tuple[int, int]:
        status = _forks().status(self.pid, waits=not flags & os.WNOHANG)
        return (0, 0) if status is None else (self.pid, status)


class _Forks:
    """The process that forks, as seen from here. One packet is one message."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.support.preloaded", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=_variables(), stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )
        self._lock = threading.Lock()
        self._ended: dict[int, int] = {}

    def start(self, request: Mapping[str, Any], streams: Sequence[int]) -> int:
        """The process id of a program."""
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(request).encode()], streams)
            while True:
                pid, status = self._receive()
                if status is None:
                    self._ended.pop(pid, None)  # of an earlier program with this id
                    return pid
                self._ended[pid] = status

    def status(self, pid: int, *, waits: bool) -> int | None:
        """How a program ended, as os.waitpid says it; None if it runs."""
        while True:
            with self._lock:
                while pid not in self._ended and select.select([self._socket], [], [], 0.02 if waits else 0)[0]:
                    number, status = self._receive()
                    assert status is not None
                    self._ended[number] = status
                if pid in self._ended or not waits:
                    return self._ended.pop(pid, None)

    def close(self) -> None:
        """End it, and what it has started."""
        self._socket.close()
        self._process.wait()

    def _receive(self) -> tuple[int, int | None]:
        message = self._socket.recv(REQUEST_SIZE)
        assert message, f"the process that forks has ended with {self._process.wait()}"
        pid, status = json.loads(message)
        return pid, status


def _forks() -> _Forks:
    """That of this test process."""
    with _starting:
        return _shared_forks()


@functools.cache
def _shared_forks() -> _Forks:
    made = _Forks()
    at_end(made.close)
    return made


def _serve(connection: socket.socket) -> dict[str, Any]:
    """Fork for each request, and tell who has ended. Returns in a fork, with what it was asked for."""
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    started: dict[int, bool] = {}
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    while True:
        ready = select.select([connection.fileno(), told], [], [])[0]
        if told in ready:
            os.read(told, 4_096)
            _tell_ends(connection, started)
        if connection.fileno() in ready:
            try:
                message, streams, _, _ = socket.recv_fds(connection, REQUEST_SIZE, 3)
            except ConnectionError:  # it has not read all that it was told
                message = b""
            if not message:  # the test process has ended
                _end(started)
            request = dict(json.loads(message))
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)  # a run in the background ignores it
                for number, stream in enumerate(streams):
                    os.dup2(stream, number)
                connection.detach()
                os.closerange(3, max(1_024, *streams))
                return request
            started[pid] = request["is_apart"]
            for stream in streams:
                os.close(stream)
            _tell(connection, pid, None)


def _tell_ends(connection: socket.socket, started: dict[int, bool]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        del started[pid]
        _tell(connection, pid, status)


def _tell(connection: socket.socket, pid: int, status: int | None) -> None:
    with contextlib.suppress(ConnectionError):  # the next request is then the end of the test process
        connection.send(json.dumps([pid, status]).encode())


def _end(started: Mapping[int, bool]) -> NoReturn:
    """Kill what runs, with its group where it has one of its own, and end."""
    for pid, is_apart in started.items():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            if is_apart:
                os.killpg(pid, signal.SIGKILL)
    os._exit(0)


def _become(request: Mapping[str, Any]) -> None:
    """Run the program in this process, as the interpreter does."""
    ours = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if request["is_apart"]:
        os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["variables"])
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    if os.environ.get("PYTHONUNBUFFERED"):
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(write_through=True)  # type: ignore[union-attr]
    words = request["words"]
    sys.orig_argv = list(words)
    sys.warnoptions += filter(None, os.environ.get("PYTHONWARNINGS", "").split(","))
    if words[1] == "-W":
        sys.warnoptions.append(words[2])
        del words[1:3]
    for option in sys.warnoptions:
        warnings.simplefilter(option)
    kind, what = (words[1], words[2:]) if words[1] in ("-m", "-c") else ("", words[1:])
    place = {"-m": request["folder"], "-c": "", "": os.path.dirname(os.path.abspath(what[0]))}[kind]
    theirs = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = [place, *theirs, *(each for each in sys.path[1:] if each not in ours)]
    sys.argv = ["-c", *what[1:]] if kind == "-c" else what
    if kind == "-m":
        runpy.run_module(what[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        exec(compile(what[0], "<string>", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})
    else:
        runpy.run_path(what[0], run_name="__main__")


def main() -> None:
    """Import, and wait for requests on the socket whose number is the argument."""
    for name in IMPORTED:
        import_module(name)
    cheap_hashes.install()
    gc.collect()
    gc.freeze()
    _become(_serve(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    main()
