"""The demo's page as a reviewer of security looks at it: its form, its policy, whom it talks to."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.system.browser.conftest import Stage, expire, open_tab, ping, prepared, sign_up, until_page, until_told
from tests.system.browser.demo import Visit, demo, press, sign_in, visit

pytestmark = pytest.mark.chromium_only("requests that Playwright sees")

__all__ = ["demo", "visit"]
POLICY = {
    "default-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "object-src": "'none'",
}


def attributes(page: Page) -> dict[str, str]:
    """Type and autocomplete of the fields of the form, by name."""
    found: dict[str, str] = page.evaluate(
        """Object.fromEntries([...document.querySelectorAll("form input[name]")].map((field) =>
        [field.name, `${field.type} ${field.autocomplete}`]))"""
    )
    return found


def test_the_form_helps_password_managers(visit: Visit) -> None:
    page = visit()
    assert attributes(page) | {"remember": ""} == {
        "email": "email username webauthn",
        "password": "password current-password",
        "remember": "",
    }
    field = page.get_by_label("Password", exact=True)
    field.focus()
    page.evaluate(
        """() => { const text = new DataTransfer(); text.setData("text/plain", "pasted words"); const paste =
        new ClipboardEvent("paste", { clipboardData: text, bubbles: true, cancelable: true });
        window.isPasteLeft = document.activeElement.dispatchEvent(paste); }"""
    )
    assert page.evaluate("isPasteLeft"), "nobody prevents pasting"
    field.fill("words to look at")
    page.get_by_role("button", name="Show the password").click()
    assert attributes(page)["password"].startswith("text")
    page.get_by_role("button", name="Show the password").click()
    assert attributes(page)["password"].startswith("password")


def test_the_policy_is_strict_and_stops_injected_script(visit: Visit) -> None:
    page = visit()
    response = page.reload()
    assert response is not None
    parts = [part.strip().partition(" ") for part in response.headers["content-security-policy"].split(";")]
    assert {name: value for name, _, value in parts} == POLICY
    assert page.evaluate("violations") == [], "the page itself keeps to it"
    page.evaluate(
        """() => { document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran = 1'>");
        const inline = document.createElement("script"); inline.textContent = "window.ran = 2";
        document.body.append(inline); const style = document.createElement("div");
        style.setAttribute("style", "color: red"); document.body.append(style); }"""
    )
    until_page(page, "violations.length >= 3")
    assert page.evaluate("window.ran") is None
    page.evaluate("violations.length = 0")


def origins(urls: list[str]) -> set[str]:
    """The origins of URLs that lead to a network."""
    parts = [part for part in map(urlsplit, urls) if part.scheme not in ("data", "blob")]
    return {f"{part.scheme}://{part.netloc}" for part in parts}


def note(context: BrowserContext) -> list[str]:
    """The URLs of all that a profile requests from now on, sockets among them."""
    seen: list[str] = []
    context.on("request", lambda request: seen.append(request.url))
    context.on("page", lambda page: page.on("websocket", lambda socket: seen.append(socket.url)))
    return seen


def unguarded(chromium: Browser) -> BrowserContext:
    """A profile that ignores content security policies: they would keep a tracker from being seen here."""
    return prepared(chromium.new_context(bypass_csp=True))


def test_the_page_talks_to_its_own_origin_alone(demo: str, chromium: Browser) -> None:
    context = unguarded(chromium)
    seen = note(context)
    page = context.new_page()
    page.goto(demo)
    sign_in(page)
    press(page, "Sign out")
    page.get_by_role("button", name="Use the demo account").wait_for()
    assert len(seen) > 10
    assert origins(seen) == {demo}
    context.close()


def test_the_client_talks_to_its_own_origin_alone(stage: Stage, chromium: Browser) -> None:
    context = unguarded(chromium)
    seen = note(context)
    page = open_tab(stage, context)
    sign_up(page)
    expire(page)
    assert "jti" in ping(page)
    page.evaluate("stage.session.signOut().then(() => null)")
    assert len(seen) > 5
    assert origins(seen) == {stage.url}
    context.close()


@pytest.mark.parametrize(
    "call",
    [
        "fetch('http://127.0.0.1:9/x').catch(() => null)",
        "navigator.sendBeacon('http://127.0.0.1:9/x')",
        "{ new Image().src = 'http://127.0.0.1:9/x' }",
        "{ new WebSocket('http://127.0.0.1:9/x'.replace('http', 'ws')) }",
    ],
)
def test_a_call_elsewhere_would_be_noticed(demo: str, chromium: Browser, call: str) -> None:
    """Guards the tests above, which would pass too if nothing were noted."""
    context = unguarded(chromium)
    seen = note(context)
    page = context.new_page()
    page.goto(demo)
    page.evaluate(f"() => {call}" if call.startswith("{") else call)
    until_told(page, lambda: {"http://127.0.0.1:9", "ws://127.0.0.1:9"} & origins(seen), "the call")
    context.close()
