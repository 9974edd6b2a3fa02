"""An empty working directory for commands.

Those that run inside the test process configure logging for a whole process; each test gives it back.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import SETTINGS

NAMES = (None, "gatepass.events", "uvicorn")


@pytest.fixture(autouse=True)
def logging_is_restored() -> Iterator[None]:
    """The levels and handlers of the loggers that `gatepass serve` and `gatepass demo` configure."""
    loggers = [logging.getLogger(name) for name in NAMES]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working directory, settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(f"GATEPASS_{name}", value)
    return tmp_path
