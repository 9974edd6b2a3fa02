"""The demo's page as a reviewer of security looks at it: its form, its policy, whom it talks to."""

from urllib.parse import urlsplit

from playwright.sync_api import Page

from tests.system.browser.conftest import until_page
from tests.system.browser.demo import Visit, demo, press, sign_in, visit

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
        "email": "email username",
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


def test_the_page_talks_to_its_own_origin_alone(visit: Visit, demo: str) -> None:
    page = visit()
    seen: list[str] = []
    page.context.on("request", lambda request: seen.append(request.url))
    page.reload()
    sign_in(page)
    press(page, "Sign out")
    page.get_by_role("button", name="Use the demo account").wait_for()
    origins = {f"{part.scheme}://{part.netloc}" for part in map(urlsplit, seen) if part.scheme != "data"}
    assert len(seen) > 10
    assert origins == {demo}
