"""A person looks after the account from a page: the words of `gatepass/account` against the real endpoints."""

from typing import Any

from tests.system.browser.conftest import PASSWORD, Stage
from tests.system.browser.engines.interface import Engine, Page, Profile
from tests.system.browser.engines.variants import Variant
from tools.services.patience import until

OPEN = """async () => {
  const { createAccount, createSession } = await import("/auth/gatepass.js");
  const session = createSession({ baseURL: "/auth" });
  await session.start();
  window.session = session;
  window.account = createAccount({ baseURL: "/auth", session });
}"""
CLIENTS = {"chromium": "Chrome on Linux", "firefox": "Firefox on Linux", "webkit": "Safari on Linux"}
NEW = "seven green bottles on a wall"


def opened(page: Page, stage: Stage) -> Page:
    """A page under a strict policy, with a session and its account as the one file of the server has them."""
    page.goto(f"{stage.url}/pages/plain.html")
    page.evaluate(OPEN)
    return page


def signed_in(page: Page, verb: str, password: str = PASSWORD) -> None:
    """Through the session's own verbs."""
    page.evaluate(f"(password) => session.{verb}({{ email: 'ann@example.com', password }})", password)


def refusal(page: Page, script: str) -> tuple[int, str]:
    """Status and code of the problem that a call rejects with."""
    caught: Any = page.evaluate(f"() => {script}.then(() => null, ({{ status, problem }}) => [status, problem.code])")
    return (caught[0], caught[1])


def test_a_person_sees_and_ends_sessions_changes_the_password_and_deletes_the_account(
    stage: Stage, profile: Profile, engine: Engine, variant: Variant
) -> None:
    laptop = opened(profile.new_page(), stage)
    signed_in(laptop, "signUp")
    others = [engine.new_profile() for _ in range(3)]
    phone, tablet, library = (opened(context.new_page(), stage) for context in others)
    for page in (phone, tablet, library):
        signed_in(page, "signIn")

    listed = laptop.evaluate("() => account.sessions()")
    assert len(listed) == 4
    assert [row["id"] for row in listed if row["current"]] == [laptop.evaluate("() => session.getSnapshot().sessionId")]
    assert {row["client"] for row in listed} == {CLIENTS[variant.browser]}

    laptop.evaluate("(id) => account.endSession(id)", phone.evaluate("() => session.getSnapshot().sessionId"))
    assert phone.evaluate("() => session.refresh()")["reason"] == "revoked"
    assert len(laptop.evaluate("() => account.sessions()")) == 3

    assert refusal(laptop, "account.changePassword('not it', 'seven green bottles on a wall')") == (
        403,
        "invalid-credentials",
    )
    laptop.evaluate("([current, next]) => account.changePassword(current, next)", [PASSWORD, NEW])
    assert tablet.evaluate("() => session.refresh()")["status"] == "ended"

    signed_in(tablet, "signIn", NEW)
    laptop.evaluate("() => account.endOtherSessions()")
    assert tablet.evaluate("() => session.refresh()")["reason"] == "revoked"
    laptop.evaluate("(password) => account.signInAgain(password)", NEW)
    assert len(laptop.evaluate("() => account.sessions()")) == 1

    assert refusal(laptop, "account.forgotPassword('ann@example.com')") == (403, "not-offered")
    assert refusal(laptop, "account.resetPassword('gp_pr_x', 'seven green bottles on a wall')") == (403, "not-offered")
    assert refusal(laptop, "session.verify({ token: 'gp_vt_x', password: 'x' })") == (403, "not-offered")

    laptop.evaluate("(password) => account.deleteAccount(password)", NEW)
    assert laptop.evaluate("() => session.getSnapshot().status") == "ended"
    until(lambda: laptop.context.cookies() == [])
    assert refusal(
        laptop, "session.signIn({ email: 'ann@example.com', password: 'seven green bottles on a wall' })"
    ) == (
        401,
        "invalid-credentials",
    )
    for context in others:
        context.close()
