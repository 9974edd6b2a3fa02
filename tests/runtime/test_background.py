"""Background tasks of a gate: each may be killed by anything at any time, is seen to be, and comes back (D2)."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gatepass.core.event import TaskFailed, TaskRecovered
from gatepass.gate import Gatepass
from gatepass.mail.outbox import WORKERS
from gatepass.ports import Message
from gatepass.stores.sqlite.store import SQLiteStore
from gatepass.testing.clock import FastHasher
from tests.support.asgi import call
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import SECRET, GateHarness, open_gate
from tools.services.patience import becomes

FAULTS = [ValueError, AssertionError, KeyError, MemoryError, RecursionError, ZeroDivisionError, asyncio.CancelledError]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatepass.supervisor.RESTART_INTERVAL", (0.0, 0.0))
    monkeypatch.setattr("gatepass.runtime.follower.LOOK_INTERVAL", 0)


async def readiness(at: GateHarness) -> tuple[int, str]:
    answer = await call(at.gate.served, "GET", "/readyz")
    return answer.status, "" if answer.status == 200 else answer.code


async def kill(name: str) -> None:
    """Cancel a task by its name, as a library that loses its way might."""
    (task,) = (task for task in asyncio.all_tasks() if task.get_name() == name)
    task.cancel()


class Failing:
    """Makes a verb of the store fail by an error that no one expects, until `stop`."""

    def __init__(self, at: GateHarness, verb: str, fault: type[BaseException]) -> None:
        self.count = 0
        self.is_on = True

        async def fail(called: str) -> None:
            if called == verb and self.is_on:
                self.count += 1
                raise fault

        at.store.before = fail


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("verb", ["revoked_since", "epoch", "time", "signing_keys"])
async def test_a_follower_that_dies_is_seen_and_follows_again(verb: str, fault: type[BaseException]) -> None:
    async with open_gate() as at:
        failing = Failing(at, verb, fault)
        await kill("gatepass-follower")
        await becomes(lambda: failing.count > 1)
        assert [(event.task, event.name) for event in at.events if isinstance(event, TaskFailed)] == [
            ("gatepass-follower", "sys_task_failed")
        ]
        assert await readiness(at) == (503, "not-ready")
        failing.is_on = False
        await becomes(lambda: at.named("sys_task_recovered"))
        assert await readiness(at) == (200, "")


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_janitor_that_dies_is_seen_and_sweeps_again(fault: type[BaseException]) -> None:
    async with open_gate() as at:
        failing = Failing(at, "prune", fault)
        await kill("gatepass-janitor")
        await becomes(lambda: failing.count > 1)
        assert await readiness(at) == (503, "not-ready")
        failing.is_on = False
        await becomes(lambda: at.named("sys_task_recovered"))
        assert [event.task for event in at.events if isinstance(event, TaskRecovered)] == ["gatepass-janitor"]
        assert await readiness(at) == (200, "")


class Mailbox:
    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        self.sent.append(message)


@pytest.mark.parametrize("fault", FAULTS)
async def test_jobs_that_kill_the_tasks_of_the_outbox_do_not_end_mail(fault: type[BaseException]) -> None:
    mailbox = Mailbox()
    async with open_gate(mail=mailbox) as at:
        outbox = at.gate.outbox
        assert outbox is not None

        async def deadly() -> Message | None:
            raise fault

        async def job() -> Message | None:
            return Message("ann@example.com", "Hello", "Hello.")

        for _ in range(2 * WORKERS):
            outbox.put(deadly)
        outbox.put(job)
        await becomes(lambda: mailbox.sent)
        await becomes(lambda: not at.gate._parts.lifecycle._supervisor.failing)
        assert await readiness(at) == (200, "")


async def test_every_task_of_a_gate_comes_back_when_it_is_cancelled_from_outside() -> None:
    async with open_gate(mail=Mailbox()) as at:
        names = {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("gatepass-")}
        loops = {"gatepass-account-changes", "gatepass-follower", "gatepass-janitor", "gatepass-store-watch"}
        assert names == {*loops, *(f"gatepass-mail-{n}" for n in range(WORKERS))}
        before = {task for task in asyncio.all_tasks() if task.get_name() in names}
        for task in before:
            task.cancel()
        await becomes(lambda: len(at.named("sys_task_recovered")) == len(names))
        after = {task for task in asyncio.all_tasks() if task.get_name() in names}
        assert {task.get_name() for task in after} == names
        assert not before & after
        assert await readiness(at) == (200, "")
    assert not {task.get_name() for task in asyncio.all_tasks()} & names


async def test_readiness_is_503_while_revocations_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_gate() as at:
        monkeypatch.setattr(at.gate.revocations, "_max_age", 30)
        assert await readiness(at) == (200, "")
        monkeypatch.setattr(at.gate.revocations, "_loaded_at", -1e9)
        assert await readiness(at) == (503, "out-of-touch")


async def beside(path: Path, act: Callable[[SQLiteStore], Awaitable[object]]) -> None:
    """As a command beside a running server."""
    store = SQLiteStore(path)
    await store.open()
    await act(store)
    await store.close()


@pytest.mark.parametrize("sealed", [b"", b"x", bytes(45), bytes(61)])
@pytest.mark.parametrize("algorithm", ["EdDSA", "none", ""])
async def test_a_malformed_signing_key_in_the_store_does_not_keep_revocations_from_being_heard(
    tmp_path: Path, sealed: bytes, algorithm: str
) -> None:
    path = tmp_path / "gate.db"
    gate = Gatepass(secrets=[SECRET], public_url=ORIGIN, store=f"sqlite:///{path}", hasher=FastHasher())
    async with gate.running():
        ann = Browser(gate.asgi)
        await ann.register()
        with sqlite3.connect(path) as connection:
            connection.execute("INSERT INTO signing_key VALUES ('odd', ?, ?, 1, 1, NULL, 0)", (algorithm, sealed))
        connection.close()
        sid = bytes.fromhex(ann.sid)
        await beside(path, lambda store: store.revoke(sid, reason="revoked", now=gate.sessions._clock.now()))
        await becomes(lambda: ann.sid in dict.fromkeys(sid for _, sid in gate.revocations.after(0)))
        assert (await ann.get("/me")).status == 401
        assert (await call(gate.served, "GET", "/readyz")).status == 200
