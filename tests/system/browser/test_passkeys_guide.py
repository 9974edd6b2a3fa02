"""The page of docs/guides/passkeys.md, as a newcomer types it: each of its programs runs in Chromium."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.system.browser.authenticators import Device, served
from tests.system.browser.conftest import PASSWORD, ROOT, Stages, prepared, until_page

pytestmark = pytest.mark.slow
_PAGE = (ROOT / "docs/guides/passkeys.md").read_text("utf-8")
_AROUND = """async () => {
  const gatepass = await import("/auth/gatepass.js");
  const session = window.session ??= gatepass.createSession({ baseURL: "/auth" });
  await session.start();
  const showToast = (text) => (window.told = text), navigate = (path) => (window.at = path);
  const report = (error) => (window.failed = error);
  %s
}"""
"""What a page has anyway: a session, and functions of its own."""


def programs(heading: str) -> list[str]:
    """The programs below a heading of the guide, with what they import taken from the one file that the server has."""
    below = _PAGE.partition(f"# {heading}\n")[2]
    section = re.split(r"^#+ ", below, maxsplit=1, flags=re.MULTILINE)[0]
    found = re.findall(r"```(?:ts|js|html)\n(.*?)```", section, re.DOTALL)
    return [re.sub(r'import (\{.*?\}) from "gatepass[^"]*";', r"const \1 = gatepass;", code) for code in found]


@pytest.fixture
def device(chromium: Browser, stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    """A page that is signed in, of a browser with an authenticator."""
    profile = prepared(chromium.new_context())
    device = Device(profile, served(stages, tmp_path_factory.mktemp("guide"), "required"))
    device.plug_in()
    device.do(_AROUND % f"await session.signUp({{ email: 'ann@example.com', password: '{PASSWORD}' }});")
    yield device
    profile.close()


def test_each_program_of_the_guide_does_what_it_says(device: Device) -> None:
    (add,), (sign_in,), (field, wait), (without,) = map(
        programs, ["Add one", "Sign in", "In the field of the name", "Without the client"]
    )
    status = "() => session.getSnapshot().status"
    device.do(_AROUND % add)
    assert device.do("() => told") == "My phone is added."
    device.do("() => session.signOut()")
    device.do(_AROUND % sign_in)
    assert device.do(status) == "active"
    device.do("() => session.signOut()")
    # A page of its own makes do without the client: its session is found by the one cookie that no script reads.
    device.do(_AROUND % without)
    assert any(cookie["httpOnly"] for cookie in device.profile.cookies())
    device.do("(html) => document.body.insertAdjacentHTML('beforeend', html)", field)
    device.do(_AROUND % wait)
    until_page(device.page, "window.at === '/'")
    assert device.do(status) == "active"
    assert device.do("() => window.failed ?? null") is None
