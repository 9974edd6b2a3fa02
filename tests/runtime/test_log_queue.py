"""A log that is not read stops nothing: lines are dropped then, and counted in a line of their own."""

import fcntl
import json
import logging
import os
import resource
import threading
from collections.abc import Iterator
from typing import TextIO

import pytest

from gatepass.runtime.log_queue import MAX_WAITING, LogQueue
from tests.support.forks import FORKS, Fork, held_elsewhere, holds_in_child
from tools.services.patience import until


class Pipe:
    """A pipe, and a stream to its writing end."""

    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        self.stream: TextIO = os.fdopen(writing, "w")
        self._read = ""

    def read_lines(self, count: int) -> list[str]:
        """The next so many lines; what comes after them is read next."""
        while self._read.count("\n") < count:
            self._read += os.read(self.reading, 65_536).decode()
        *lines, self._read = self._read.split("\n", count)
        return lines


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    os.close(made.reading)
    made.stream.close()


def test_what_is_written_arrives_whole_and_in_order(pipe: Pipe) -> None:
    log = LogQueue(pipe.stream)
    log.start()
    for number in range(100):
        log.write(f"{number}\n")
    assert pipe.read_lines(100) == [str(number) for number in range(100)]
    log.write("last\n")
    log.close()
    assert pipe.read_lines(1) == ["last"], "close writes what waits"


def test_a_log_that_is_not_read_blocks_nobody_and_says_how_much_it_lost(pipe: Pipe) -> None:
    log = LogQueue(pipe.stream)
    log.start()
    line = "x" * 1023 + "\n"
    kept = MAX_WAITING // len(line)
    for _ in range(3 * kept):
        log.write(line)  # would block for ever
    arrived, lost = 0, 0
    while arrived + lost < 3 * kept:
        (said,) = pipe.read_lines(1)
        if said.startswith("{"):  # a second one, if the thread came to its queue while that overflowed
            dropped = json.loads(said)
            assert dropped["event"] == "sys_log_dropped"
            lost += dropped["lines"]
        else:
            assert said + "\n" == line
            arrived += 1
    assert arrived + lost == 3 * kept, "each line has arrived or is counted"
    assert lost >= kept
    log.close()


def test_the_end_of_a_process_waits_a_bounded_time_for_a_log_that_is_not_read(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatepass.runtime.log_queue.CLOSE_TIMEOUT", 0.01)
    log = LogQueue(pipe.stream)
    log.start()
    log.write("x" * 200_000)
    log.close()


def test_without_a_thread_a_line_is_written_at_once_or_dropped(pipe: Pipe) -> None:
    """So it is in the supervisor, which forks."""
    log = LogQueue(pipe.stream)
    threads = set(threading.enumerate())
    log.write("first\n")
    assert pipe.read_lines(1) == ["first"]
    for _ in range(1000):
        log.write("x" * 1023 + "\n")
    assert set(threading.enumerate()) <= threads


@pytest.mark.parametrize("fork", FORKS)
def test_a_child_of_a_process_that_logs_has_no_thread_and_writes_at_once(pipe: Pipe, fork: Fork) -> None:
    log = LogQueue(pipe.stream)
    log.start()

    def write_and_close() -> bool:
        log.write("of the child\n")
        log.close()
        return True

    with held_elsewhere(log._queues.here.lock):
        assert holds_in_child(fork, write_and_close)
        assert pipe.read_lines(1) == ["of the child"]
    log.write("of the parent\n")
    log.close()
    assert pipe.read_lines(1) == ["of the parent"]


def test_a_descriptor_that_the_program_closed_and_opened_as_something_else_gets_no_lines() -> None:
    """The number of a closed descriptor goes to the next file or connection that is opened."""
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w")
    log = LogQueue(stream)
    log.start()
    log.write("x" * 200_000 + "\n")  # more than a pipe holds: the thread is inside its write
    other_reading, made = os.pipe()
    stream.close()
    other_writing = os.dup2(made, writing)
    os.set_blocking(other_reading, False)
    text = b""
    while not text.endswith(b"\n"):
        text += os.read(reading, 65_536)
    log.write("last\n")
    log.close()
    assert len(text) == 200_001
    assert os.read(reading, 100) == b"last\n"
    with pytest.raises(BlockingIOError):
        os.read(other_reading, 1)
    for descriptor in {reading, other_reading, made, other_writing}:
        os.close(descriptor)


@pytest.mark.parametrize("is_threaded", [True, False])
def test_a_line_after_the_end_is_lost_and_harms_nobody(pipe: Pipe, is_threaded: bool) -> None:
    log = LogQueue(pipe.stream)
    if is_threaded:
        log.start()
    log.close()
    log.write("late\n")
    log.close()


def test_a_process_with_thousands_of_open_files_logs(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """`select.select` raises for a descriptor of 1024 or more."""
    monkeypatch.setattr(os, "dup", lambda number: fcntl.fcntl(number, fcntl.F_DUPFD, 1500))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    log = LogQueue(pipe.stream)
    log.write("heard\n")
    assert pipe.read_lines(1) == ["heard"]
    log.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_reader_that_is_gone_harms_nobody(pipe: Pipe) -> None:
    log = LogQueue(pipe.stream)
    log.start()
    gone, pipe.reading = pipe.reading, os.open(os.devnull, os.O_RDONLY)
    os.close(gone)
    log.write("nobody reads this\n")
    thread = log._queues.here.thread
    assert thread is not None
    until(lambda: not thread.is_alive(), "the end of the thread")
    log.write("nor this\n")
    log.close()


def test_logging_writes_into_it(pipe: Pipe) -> None:
    log = LogQueue(pipe.stream)
    log.start()
    handler = logging.StreamHandler(log)
    handler.emit(logging.LogRecord("x", logging.INFO, "", 0, "naïve \ud800", (), None))
    assert pipe.read_lines(1) == ["naïve \\ud800"]
    log.close()
