"""What gets lost on the way, and a server that dies in the middle: no session ends by it."""

from tests.system.browser.conftest import Stage, expire, ping, resume, sign_up, status
from tests.system.browser.engines.interface import Page
from tools.services.patience import until

REFRESH = "/auth/refresh"


def works_on(page: Page) -> bool:
    """Whether a guarded call gets through."""
    return "jti" in ping(page)


def test_three_lost_answers_in_a_row_and_a_reload_cost_nothing(stage: Stage, tab: Page) -> None:
    sign_up(tab)
    expire(tab)
    for _ in range(3):
        stage.proxy.lose_answers(REFRESH)
        ping(tab)
        tab.reload()
        resume(tab)
    until(lambda: works_on(tab))
    assert stage.proxy.count(REFRESH, status=401) == 0


def test_a_lost_answer_and_a_long_pause_cost_nothing(stage: Stage, tab: Page) -> None:
    """Beyond the leeway the repeat brings no pass, but the successor, which the client presents at once."""
    sign_up(tab)
    expire(tab)
    stage.proxy.lose_answers(REFRESH, count=20)
    ping(tab)
    stage.skip(11)
    stage.proxy.lose_answers(REFRESH, count=-stage.proxy._lost_answers[REFRESH])
    until(lambda: works_on(tab))
    assert status(tab) == "active"
    assert stage.proxy.count(REFRESH, status=401) == 0


def test_a_lost_request_costs_nothing(stage: Stage, tab: Page) -> None:
    sign_up(tab)
    expire(tab)
    stage.proxy.lose_requests(REFRESH, count=2)
    until(lambda: works_on(tab))
    assert status(tab) == "active"


def test_a_server_killed_in_the_middle_of_a_refresh_costs_nothing(stage: Stage, tab: Page) -> None:
    sign_up(tab)
    for _ in range(3):
        expire(tab)
        with stage.proxy.hold(REFRESH) as held:
            tab.evaluate("() => { stage.api.get('/api/ping').catch(() => null); }")
            held.wait()
            stage.kill()
        stage.start()
        until(lambda: works_on(tab))
    assert status(tab) == "active"
    assert stage.proxy.count(REFRESH, status=401) == 0


def test_offline_for_a_while_is_degraded_and_recovers_by_itself(stage: Stage, tab: Page) -> None:
    sign_up(tab)
    expire(tab)
    stage.proxy.go_offline()
    assert "error" in ping(tab)
    assert status(tab) == "degraded"
    stage.proxy.go_online()
    tab.evaluate("() => { dispatchEvent(new Event('online')); }")
    until(lambda: status(tab) == "active")
    assert works_on(tab)
    assert tab.evaluate("stage.ended.length") == 0


def test_signing_out_offline_holds_here_and_reaches_the_server_later(stage: Stage, tab: Page) -> None:
    sign_up(tab)
    token = tab.evaluate("stage.session.token().then(t => t.value)")
    stage.proxy.go_offline()
    tab.evaluate("stage.session.signOut().then(() => null, () => null)")
    assert status(tab) in ("ended", "anonymous")
    stage.proxy.go_online()
    tab.goto(stage.url)
    resume(tab)
    assert status(tab) in ("ended", "anonymous")
    refused = "(token) => fetch('/api/ping', { headers: { Authorization: `Bearer ${token}` } }).then(r => r.status)"
    until(lambda: tab.evaluate(refused, token) == 401)
    until(lambda: tab.context.cookies() == [])
