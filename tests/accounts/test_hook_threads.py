"""A plain hook runs on a thread, which goes on after its time is over: it counts until it ends."""

import threading

from gatepass import HookFacts
from gatepass.accounts import hooks
from tests.support.browser import Browser
from tests.support.gates import GateHarness
from tools.services.patience import becomes


async def test_one_that_hangs_takes_no_more_threads_than_it_may_have(at: GateHarness, ann: Browser) -> None:
    end, threads = threading.Event(), list[str]()

    def hanging(_facts: HookFacts[None]) -> None:
        threads.append(threading.current_thread().name)
        end.wait(60)

    at.gate.before("sign_in", timeout=0.01)(hanging)
    hook = at.gate._parts.hooks.of("before", "sign_in")[0]
    try:
        late = [await Browser(at.gate.asgi).login() for _ in range(2)]
        assert {(answer.status, answer.code) for answer in late} == {(503, "hook-timeout")}
        hook.running += hooks.MAX_CALLS - 2  # as many as that at once
        refused = await Browser(at.gate.asgi).login()
        assert (refused.status, refused.code, len(threads)) == (503, "overloaded", 2)
    finally:
        end.set()
    hook.running -= hooks.MAX_CALLS - 2
    await becomes(lambda: hook.running == 0)
    assert (await Browser(at.gate.asgi).login()).status == 200
