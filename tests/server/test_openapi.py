"""The OpenAPI document tells the truth: a fuzzer that reads it finds nothing undeclared and no 500."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gatepass.wire.asgi import Receive, Scope, Send
from tests.support.browser import Browser
from tests.support.full import FULL
from tests.support.gates import GateHarness

# Not for each process of a run (see pyproject.toml): its import takes seconds.
pytest_plugins = ["schemathesis.pytest.plugin"]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


class CurrentGate:
    """Where the requests of this file go: a gate for reading the document, then one for the tests."""

    def __init__(self) -> None:
        self.at = GateHarness()
        self.accounts = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.at.gate.asgi(scope, receive, send)


CURRENT = CurrentGate()
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", CURRENT)
# All bounds of every member are tried over HTTP in each run (tests/system/third_party/test_schemathesis.py). For three
# callers they are three thousand requests, which every process of the tests would draw when it collects.
SCHEMA.config.phases.coverage.enabled = FULL


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """An event loop with a gate that stays open for this file."""
    CURRENT.at = GateHarness()
    with asyncio.Runner() as runner:
        runner.run(CURRENT.at.gate.open())
        yield runner
        runner.run(CURRENT.at.gate.close())


@pytest.fixture
def bearer(runner: asyncio.Runner) -> str:
    """The pass of a new account: some of these requests end every session, or fail to sign in a lot."""
    browser = Browser(CURRENT.at.gate.asgi)
    CURRENT.accounts += 1
    assert runner.run(browser.register(f"{CURRENT.accounts}@example.com")).status == 201
    return browser.access_token


@pytest.mark.slow
@pytest.mark.parametrize("caller", ["stranger", "client", "bearer"])
@SCHEMA.parametrize()
@settings(max_examples=50 if FULL else 8, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_declared(case: schemathesis.Case[Any], caller: str, bearer: str) -> None:
    headers = {
        "stranger": {},
        "client": {"Gatepass-Client": "1"},
        "bearer": {"Authorization": f"Bearer {bearer}"},
    }
    case.call_and_validate(headers=headers[caller], checks=CHECKS)


@pytest.mark.parametrize(("path", "status"), [("/me", 200), ("/sessions", 200), ("/logout-all", 204)])
def test_the_fuzzers_pass_opens_what_it_should(path: str, status: int, bearer: str) -> None:
    """Guards the test above, which would pass too if every request were refused."""
    operation = SCHEMA[path]["POST" if path == "/logout-all" else "GET"]
    answer = operation.Case().call(headers={"Authorization": f"Bearer {bearer}"})
    assert answer.status_code == status
