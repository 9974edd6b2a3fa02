"""What all tests share: an open gate, a browser that is signed in, and no verdict that depends on the machine.

`run.py test --quick` leaves out what is marked `slow`: what starts a database, a browser or another process, and the
few searches that take more than seconds. Under tests/system that is everything; elsewhere each says so itself. What is
marked `full` repeats for another store, another kind of process or at greater length what a test without the mark
shows: it runs with `run.py test --full` only (tests/support/full.py).

At the end of a run it says how much was explored.
"""

import gc
import os
from collections.abc import AsyncIterator, Generator, Iterator
from importlib import import_module
from pathlib import Path

import httpx2
import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer  # type: ignore[import-untyped]

from gatepass.stores.postgres import pool
from tests.support import cheap_hashes
from tests.support.browser import Browser
from tests.support.certificate import certificate
from tests.support.full import FULL
from tests.support.gates import GateHarness, open_gate
from tests.support.scheduling import ByWhatIsShared, is_slow
from tools.services.at_end import end
from tools.services.patience import PATIENCE

# An example may take as long as it takes: on a busy machine the same one is ten times as slow. Unless in full, each run
# tries the same examples: it is red by what was changed, and by nothing else.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=not FULL)
settings.load_profile("patient")
# A client of httpx2 gives a server five seconds unless told otherwise; no test is about those.
vars(httpx2._config.DEFAULT_TIMEOUT_CONFIG).update(httpx2.Timeout(PATIENCE).as_dict())

cheap_hashes.install()

SYSTEM = Path(__file__).parent / "system"
# mutmut runs a test several times in one process, and slowly (tools/mutation.py).
settings.register_profile("mutation", settings.get_profile("patient"), suppress_health_check=list(HealthCheck))


TIMEOUTS = {
    "accounts.changes.LOOK_INTERVAL": 30 * PATIENCE,
    "accounts.hooks.HOOK_TIMEOUT": PATIENCE,
    "doctor.outside.REQUEST_TIMEOUT": PATIENCE,
    "doctor.stream.REQUEST_TIMEOUT": PATIENCE,
    "mail.outbox.CLOSE_TIMEOUT": PATIENCE,
    "oidc.fetch.EXCHANGE_TIMEOUT": PATIENCE,
    "oidc.relying_party.ANSWER_TIMEOUT": PATIENCE,
    "remote.connection.FIRST_LOAD_TIMEOUT": PATIENCE,
    "remote.keys.EXCHANGE_TIMEOUT": PATIENCE,
    "remote.revocations.CONNECT_TIMEOUT": PATIENCE,
    "remote.revocations.SILENCE_TIMEOUT": PATIENCE,
    "runtime.event_delivery.CLOSE_TIMEOUT": PATIENCE,
    "runtime.log_queue.CLOSE_TIMEOUT": PATIENCE,
    "runtime.thread.OPEN_TIMEOUT": PATIENCE,
    "runtime.thread.SHUTDOWN_TIMEOUT": PATIENCE,
    "server.wsgi.TURN_TIMEOUT": PATIENCE,
    "stores.postgres.pool.COMMAND_TIMEOUT": PATIENCE,
    "stores.postgres.pool.CONNECT_TIMEOUT": PATIENCE,
    "stores.postgres.pool.WAIT_TIMEOUT": PATIENCE,
    "stores.redis.pipeline.COMMAND_TIMEOUT": PATIENCE,
    "stores.redis.connection.SEND_TIMEOUT": PATIENCE,
    "stores.redis.connection.CONNECT_TIMEOUT": PATIENCE,
    "stores.redis.durability.WAIT_TIMEOUT": PATIENCE / 2,
    "stores.redis.listener.PING_TIMEOUT": PATIENCE,
    "stores.redis.topology.DISCOVERY_TIMEOUT": PATIENCE,
    "stores.redis.topology.SENTINEL_TIMEOUT": PATIENCE / 2,
    "stores.deadline.STORE_TIME": PATIENCE,
    "stores.sqlite.backup.BUSY_TIMEOUT": PATIENCE,
    "testing.faults.REPLY_TIMEOUT": PATIENCE,
    "testing.records.HEARD_TIMEOUT": PATIENCE,
    "stores.combined.store.LOCK_WAIT_TIMEOUT": PATIENCE,
    "runtime.follower.POLL_INTERVAL": 30 * PATIENCE,
    "runtime.janitor.SWEEP_INTERVAL": 30 * PATIENCE,
    "runtime.store_watch.CHECK_INTERVAL": 30 * PATIENCE,
}
"""Seconds for what the process of the tests waits for: none of it runs out, and no look at the store comes between
what a test counts. A test that is about one sets its own."""
for name, seconds in TIMEOUTS.items():
    module, _, constant = name.rpartition(".")
    assert hasattr(import_module(f"gatepass.{module}"), constant), name
    setattr(import_module(f"gatepass.{module}"), constant, seconds)
pool._SESSION_SETTINGS["statement_timeout"] = f"{PATIENCE:.0f}s"


def pytest_sessionstart() -> None:
    """What a test's programs print is read: without colours, wherever the run was started (`CI` too asks for them)."""
    for name in ("CI", "CLICOLOR_FORCE", "FORCE_COLOR", "PY_COLORS"):
        os.environ.pop(name, None)
    os.environ["NO_COLOR"] = "1"


@pytest.hookimpl(trylast=True)  # after the fixtures of the session
def pytest_sessionfinish() -> None:
    """Put away what tests of this process share: xdist kills it some seconds after its session."""
    end()


@pytest.hookimpl(optionalhook=True)  # tools/mutation.py runs without xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByWhatIsShared | None:
    """Distribute by tests/support/scheduling.py."""
    return ByWhatIsShared(config, log) if config.getoption("dist") == "loadscope" else None


def is_quick(config: pytest.Config) -> bool:
    """Whether this is `run.py test --quick`, which tries nothing beyond this process."""
    return bool(config.getoption("markexpr") == "not slow")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """In the quick run, do not import a file of which no test would be run."""
    return True if is_quick(config) and collection_path.suffix == ".py" and is_slow(collection_path) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is under tests/system, and leave out what is for the full run alone."""
    for item in items:
        if item.path.is_relative_to(SYSTEM):
            item.add_marker(pytest.mark.slow)
        if FULL:
            item.add_marker(pytest.mark.timeout(24 * 3_600))  # pyproject.toml has that of a default run
    left_out = [] if FULL else [item for item in items if item.get_closest_marker("full")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("full")]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Ten thousand tests, and all that they import, live as long as the process: no look for garbage passes them.

    What a test leaves is little: it is looked for after twenty thousand new objects, not after each seven hundred.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000)
        gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each scenario and one for their sum, if any ran."""
    found = [pair for report in terminalreporter.getreports("passed") for pair in report.user_properties]
    states = sum(int(str(value)) for name, value in found if name == "states")
    for name, value in found:
        if name == "explored":
            terminalreporter.write_line(f"explored {value}")
        if name == "faults":
            terminalreporter.write_line(f"survived {value}")
    if states:
        terminalreporter.write_line(f"The table keeps its promises in all {states:,} states that were explored.")


@pytest.fixture(scope="session", autouse=True)
def no_settings() -> Iterator[None]:
    """No test sees the settings of the shell, nor what `run.py` says of a run: both begin with GATEPASS_.

    What a run is told (tests/support/full.py) has been read by now, when the tests are collected.
    """
    with pytest.MonkeyPatch.context() as here:
        for name in [name for name in os.environ if name.upper().startswith("GATEPASS_")]:
            here.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_authority(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """In the quick run, trust one authority by default, not the machine's: each client would read over a hundred.

    Servers of tests are on loopback, and their certificates are their own: a test gives them to its client.
    """
    with pytest.MonkeyPatch.context() as here:
        if is_quick(request.config):
            file = tmp_path_factory.mktemp("trust") / "authority.pem"
            file.write_bytes(certificate())
            here.setenv("SSL_CERT_FILE", str(file))
        yield


@pytest.fixture
async def at() -> AsyncIterator[GateHarness]:
    """A gate at https://gate.example over a store in memory."""
    async with open_gate() as made:
        yield made


@pytest.fixture
async def ann(at: GateHarness) -> Browser:
    """A keyed browser that has just signed up."""
    browser = Browser(at.gate.asgi)
    assert (await browser.register()).status == 201
    at.store.verbs.clear()
    at.events.clear()
    return browser
