"""Takes the speed of the machine out of every test, and says at the end of a run how much was explored."""

from importlib import import_module

import httpx2
import pytest
from hypothesis import HealthCheck, settings

from gatepass.stores import postgres_connections
from tests.support.patience import PATIENCE

# An example may take as long as it takes: on a busy machine the same one is ten times as slow.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
# A client of httpx2 gives a server five seconds unless told otherwise; no test is about those.
vars(httpx2._config.DEFAULT_TIMEOUT_CONFIG).update(httpx2.Timeout(PATIENCE).as_dict())
# mutmut runs a test several times in one process, and slowly (tools/mutation.py).
settings.register_profile("mutation", settings.get_profile("patient"), suppress_health_check=list(HealthCheck))


TIMEOUTS = {
    "doctor.outside.TIMEOUT": PATIENCE,
    "guards.jwks.FIRST_LOAD": PATIENCE,
    "guards.key_follower.TIMEOUT": PATIENCE,
    "guards.remote_feed.CONNECT_TIMEOUT": PATIENCE,
    "guards.remote_feed.FIRST_LOAD": PATIENCE,
    "guards.remote_feed.SILENCE": PATIENCE,
    "mail.outbox.GRACE": PATIENCE,
    "server.background.GRACE": PATIENCE,
    "server.background.PATIENCE": PATIENCE,
    "server.follower.SILENCE": 30 * PATIENCE,
    "stores.postgres_connections.COMMAND_TIMEOUT": PATIENCE,
    "stores.postgres_connections.CONNECT_TIMEOUT": PATIENCE,
    "stores.postgres_connections.WAIT_TIMEOUT": PATIENCE,
    "stores.redis_connections.COMMAND_TIMEOUT": PATIENCE,
    "stores.redis_connections.CONNECT_TIMEOUT": PATIENCE,
    "stores.redis_durability.WAIT_TIMEOUT": PATIENCE / 2,
    "stores.redis_news.PATIENCE": PATIENCE,
    "stores.redis_nodes.LOOK_TIMEOUT": PATIENCE,
    "stores.split.PATIENCE": PATIENCE,
}
"""Seconds for what the process of the tests waits for: none of it runs out. A test that is about one sets its own."""
for name, seconds in TIMEOUTS.items():
    module, _, constant = name.rpartition(".")
    assert hasattr(import_module(f"gatepass.{module}"), constant), name
    setattr(import_module(f"gatepass.{module}"), constant, seconds)
postgres_connections._SESSION_SETTINGS["statement_timeout"] = f"{PATIENCE:.0f}s"


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
