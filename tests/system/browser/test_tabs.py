"""One person, many tabs: one line of refreshes, one truth about who is signed in."""

from functools import partial

from tests.system.browser.conftest import (
    PASSWORD,
    Stage,
    expire,
    open_tab,
    ping,
    sign_up,
    status,
    until_page,
    until_shared,
)
from tests.system.browser.engines.interface import Page, Profile
from tools.services.patience import until

REFRESH = "/auth/refresh"


def tabs_of(stage: Stage, profile: Profile, count: int) -> list[Page]:
    """So many tabs of one signed-in person, all with the same pass."""
    first = open_tab(stage, profile)
    sign_up(first)
    tabs = [first, *(open_tab(stage, profile) for _ in range(count - 1))]
    assert {status(tab) for tab in tabs} == {"active"}
    until_shared(*tabs)
    return tabs


def test_six_tabs_that_need_a_pass_at_once_refresh_in_turn_and_stay_signed_in(stage: Stage, profile: Profile) -> None:
    tabs = tabs_of(stage, profile, 6)
    for tab in tabs:
        expire(tab)
    before = stage.proxy.count(REFRESH)
    for tab in tabs:
        tab.evaluate("() => { stage.calls = Promise.all(Array.from({length: 10}, () => stage.api.get('/api/ping'))); }")
    for tab in tabs:
        assert tab.evaluate("stage.calls.then(all => all.every(r => r.status === 200))")
    assert stage.proxy.count(REFRESH) - before == 1
    assert stage.proxy.count(REFRESH, status=401) == 0
    assert {status(tab) for tab in tabs} == {"active"}


def test_tabs_without_locks_and_channels_stay_signed_in_too(stage: Stage, profile: Profile) -> None:
    stage.run_before(
        "Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });delete window.BroadcastChannel;"
    )
    tabs = tabs_of(stage, profile, 4)
    for _ in range(2):
        for tab in tabs:
            expire(tab)
        for tab in tabs:
            tab.evaluate("() => { stage.calls = stage.api.get('/api/ping').then(r => r.status, e => e.kind); }")
        for tab in tabs:
            assert tab.evaluate("stage.calls") == 200
    assert stage.proxy.count(REFRESH, status=401) == 0
    assert {status(tab) for tab in tabs} == {"active"}


def test_a_sign_in_as_somebody_else_never_mixes_two_people(stage: Stage, profile: Profile) -> None:
    one, other = tabs_of(stage, profile, 2)
    email = "other@example.com"
    other.evaluate("(who) => stage.session.signUp(who).then(() => null)", {"email": email, "password": PASSWORD})
    own = ping(other)["account"]
    expire(one)
    answer = ping(one)
    assert answer.get("account") in (own, None)
    until(lambda: one.evaluate("stage.session.getSnapshot().account?.email") in (email, None))


def session_id(tab: Page) -> str:
    """Of the session that a tab is in."""
    return str(tab.evaluate("stage.session.getSnapshot().sessionId"))


def has_left(tab: Page, sid: str) -> bool:
    """Whether it is in another one than this."""
    return session_id(tab) != sid


def test_a_new_sign_in_by_the_same_person_takes_the_other_tabs_along(stage: Stage, profile: Profile) -> None:
    """What a page does that needs a recent sign-in (guides/sessions.md): a new session, no sign-out."""
    one, *others = tabs_of(stage, profile, 3)
    refreshes, before = stage.proxy.count(REFRESH), session_id(one)
    again = "(password) => stage.session.signIn({ email: stage.session.getSnapshot().account.email, password })"
    owner = one.evaluate(again, PASSWORD)
    for tab in (one, *others):
        until(partial(has_left, tab, before))
        assert ping(tab)["account"] == owner["id"]
        until_page(tab, "stage.session.getSnapshot().account")
        assert owner.items() <= tab.evaluate("stage.session.getSnapshot().account").items()
        assert tab.evaluate("stage.ended.length") == 0
    assert stage.proxy.count(REFRESH) == refreshes + 1, "one for all of them: a tab takes no token of another session"


def test_a_tab_that_dies_while_it_refreshes_blocks_nobody(stage: Stage, profile: Profile) -> None:
    dying, living = tabs_of(stage, profile, 2)
    expire(dying)
    expire(living)
    with stage.proxy.hold(REFRESH) as held:
        dying.evaluate("() => { stage.api.get('/api/ping'); }")
        held.wait()
        dying.close()
    living.evaluate("() => { stage.api.get('/api/ping').then(r => { stage.came = r.status; }); }")
    until(lambda: living.evaluate("runOut(100), stage.came === 200"))  # its cookie may have come, its token not
    assert status(living) == "active"
