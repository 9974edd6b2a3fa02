"""Two people at one browser: what one of them began is never finished in the name of the other."""

from functools import partial

from tests.system.browser.conftest import PASSWORD, Stage, ping, status
from tests.system.browser.engines.interface import Page, Profile
from tests.system.browser.long_running import REFRESH, skip, tabs_of
from tools.services.patience import until

BOB = {"email": "bob@example.com", "password": PASSWORD}
SIGN_UP = "(who) => stage.session.signUp(who).then(() => null)"
POST = "() => { stage.sent = stage.api.post('/api/echo', { from: 'Ann' }).then(r => r.status, e => e.kind); }"


def whose(tab: Page) -> str | None:
    """The address that a tab shows."""
    shown: str | None = tab.evaluate("stage.session.getSnapshot().account?.email ?? null")
    return shown


def test_a_post_under_way_while_somebody_else_signs_in_is_not_sent_again_for_them(
    stage: Stage, profile: Profile
) -> None:
    ann, other = tabs_of(stage, profile, 2)
    with stage.proxy.hold("/api/echo") as held:
        ann.evaluate(POST)
        held.wait()
        other.evaluate(SIGN_UP, BOB)
        until(lambda: whose(ann) == BOB["email"])
    assert ann.evaluate("stage.sent") == "session-ended"
    assert [seen.status for seen in stage.proxy.exchanges if seen.path == "/api/echo"] == [401]


def test_a_post_that_waits_for_a_refresh_while_somebody_else_signs_in_is_never_sent_for_them(
    stage: Stage, profile: Profile
) -> None:
    """Both take the lock, so the refresh comes first; what it brought is Ann's, and by then worth nothing."""
    ann, other = tabs_of(stage, profile, 2)
    skip(ann)
    with stage.proxy.hold(REFRESH) as held:
        ann.evaluate(POST)
        held.wait()
        other.evaluate("(who) => { stage.signing = stage.session.signUp(who).then(() => null); }", BOB)
    other.evaluate("stage.signing")
    outcome = ann.evaluate("stage.sent")
    bob = ping(other)["account"]
    until(lambda: ping(ann).get("account") == bob)
    # In time it went as Ann's; too late it did not go, or was refused: it never went as Bob's.
    assert outcome in (200, "session-ended", "http")
    assert stage.proxy.count("/api/echo", status=200) == (1 if outcome == 200 else 0)


def test_everybody_is_told_of_the_end_once_in_every_tab_and_nobody_of_a_session_not_theirs(
    stage: Stage, profile: Profile
) -> None:
    tabs = tabs_of(stage, profile, 3)
    tabs[1].evaluate("stage.session.signOut({ everywhere: true }).then(() => null)")
    for tab in tabs:
        until(partial(lambda tab: status(tab) == "ended", tab))
        assert tab.evaluate("stage.ended.map(end => end.reason)") == ["signed-out"]
    tabs[2].evaluate(SIGN_UP, BOB)
    for tab in tabs:
        until(partial(lambda tab: whose(tab) == BOB["email"], tab))
        assert tab.evaluate("stage.ended.length") == 1
