"""Passkeys and second steps through the browser client, in a page without a build step, with real cookies and keys."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from gatepass.testing import totp_code
from tests.support.file_clock import FileClock
from tests.system.browser.authenticators import Device, served
from tests.system.browser.conftest import PASSWORD, Stages, prepared

pytestmark = pytest.mark.slow
OPEN = """async () => {
  const gatepass = await import("/auth/gatepass.js");
  const session = gatepass.createSession({ baseURL: "/auth" });
  await session.start();
  const setup = { baseURL: "/auth", session };
  window.app = {
    ...gatepass, session,
    api: gatepass.createClient({ baseURL: "/api", session }),
    account: gatepass.createAccount(setup),
    factors: gatepass.createFactors(setup),
    refused: (promise) => promise.then(() => null, ({ kind, problem }) => problem?.code ?? kind),
    first: (who) => session.signIn(who).then(() => null, app.secondStepOf),
  };
}"""
ANN = {"email": "ann@example.com", "password": PASSWORD}
REFRESHED = "async () => (await app.session.refresh()).status"


@pytest.fixture
def offset(tmp_path: Path) -> FileClock:
    """How far the clock of the server is ahead."""
    return FileClock(tmp_path / "offset")


@pytest.fixture
def device(chromium: Browser, stages: Stages, tmp_path: Path) -> Iterator[Device]:
    """A page that is signed in with a password alone."""
    profile = prepared(chromium.new_context())
    device = Device(profile, served(stages, tmp_path, "required"))
    device.do(OPEN)
    device.do("(who) => app.session.signUp(who)", ANN)
    yield device
    profile.close()


def code_at(secret: str, *, ahead: int) -> str:
    """A code for a server whose clock is ahead: of its next half minute, so that it counts for a minute at least."""
    return totp_code(secret, at=int(time.time()) + ahead + 30)


def test_a_passkey_raises_the_session_signs_in_without_a_name_and_is_forgotten_when_removed(device: Device) -> None:
    authenticator = device.plug_in()
    assert device.do("() => app.refused(app.api.get('payout'))") == "insufficient-user-authentication"
    assert device.do("() => app.refused(app.stepUp(app.session))") == "no-second-factor"
    added = device.do("() => app.addPasskey(app.session, { name: 'My phone' })")
    assert added["name"] == "My phone"
    assert device.do("() => app.refused(app.addPasskey(app.session))") == "insufficient-user-authentication"

    before = device.do("() => app.session.getSnapshot().sessionId")
    step = device.do("() => app.stepUp(app.session)")
    assert step["methods"] == ["passkey"]
    device.do("(step) => app.passkeyStep(app.session, step)", step)
    assert device.do("async () => (await app.api.get('payout')).data.methods") == ["pwd", "hwk", "user", "mfa"]
    assert device.do("() => app.session.getSnapshot().sessionId") != before
    assert device.do("() => app.refused(app.addPasskey(app.session))") == "passkey-taken"
    assert device.do(REFRESHED) == "active"

    for how in ({}, {"mediation": "conditional"}):
        device.do("() => app.session.signOut()")
        assert device.do("(how) => app.signInWithPasskey(app.session, how)", how)["email"] == ANN["email"]
        assert device.do(REFRESHED) == "active"
    assert device.do("async () => (await app.account.sessions())[0].bound") == "key"

    device.do("(id) => app.factors.removePasskey(id)", added["id"])
    assert device.do("() => app.refused(app.signInWithPasskey(app.session))") == "unknown-credential"
    assert device.keys(authenticator) == [], "the browser was told"


def test_a_password_and_a_code_sign_in_and_a_recovery_code_does_where_the_phone_is_gone(
    device: Device, offset: FileClock
) -> None:
    secret = device.do("async () => (await app.factors.startTotp()).secret")
    codes = device.do("(code) => app.factors.confirmTotp(code)", code_at(secret, ahead=0))
    assert len(codes) == 10
    offset.set(90)
    device.do("() => app.session.signOut()")
    step = device.do("(who) => app.first(who)", ANN)
    assert step["methods"] == ["totp", "recovery"]
    type_code = "([step, code]) => app.codeStep(app.session, step, { code })"
    wrong = "([step, code]) => app.refused(app.codeStep(app.session, step, { code }))"
    assert device.do(wrong, [step, "not it"]) == "invalid-code"
    assert device.do(type_code, [step, code_at(secret, ahead=90)])["email"] == ANN["email"]
    assert device.do("async () => (await app.api.get('payout')).data.methods") == ["pwd", "otp", "mfa"]
    assert device.do(REFRESHED) == "active"
    assert device.do("async () => (await app.account.sessions())[0].bound") == "key"

    step = device.do("(who) => app.first(who)", ANN)
    device.do("([step, code]) => app.recoveryStep(app.session, step, { code })", [step, codes[0].lower()])
    listed = device.do("() => app.factors.list()")
    assert (listed["recovery_codes"], listed["totp"] is not None) == (9, True)
    device.do("() => app.factors.removeTotp()")
    assert device.do("(who) => app.first(who)", ANN) is None
