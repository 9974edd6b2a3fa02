"""A page as a person uses it, by what is written on it, in every browser: of `engines/interface.py` it takes no more.

A button is found by its name, a field by its label: the whole text if anything has it, else a part of it. What is
hidden is not found.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.system.browser.conftest import until_page
from tests.system.browser.engines.interface import Page

_FIND = """((kind, name) => {
  const nameOf = (each) => (each.getAttribute("aria-label") ?? each.innerText).trim();
  const all = [...document.querySelectorAll({ button: "button", field: "label" }[kind])]
      .filter((each) => each.checkVisibility());
  const found = all.find((each) => nameOf(each) === name) ?? all.find((each) => nameOf(each).includes(name));
  const target = kind === "field" ? found?.control : found;
  document.querySelector("[data-found]")?.removeAttribute("data-found");
  target?.setAttribute("data-found", "");
  target?.scrollIntoView({ block: "center" });
  return target;
})"""
_FOUND = "[data-found]"
_TYPE = """(text) => {
  const field = document.querySelector("[data-found]");
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, text);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}"""
"""As a password manager does: React hears of a value that was set by the element's own setter alone."""


def until_there(page: Page, kind: str, name: str) -> None:
    """Return once there is such a button or field."""
    until_page(page, _sought(kind, name))


def press(page: Page, name: str) -> None:
    """Press the button."""
    until_there(page, "button", name)
    page.click(_FOUND)


def fill(page: Page, label: str, text: str) -> None:
    """Fill the field in."""
    until_there(page, "field", label)
    page.evaluate(_TYPE, text)


def until_said(page: Page, text: str, *, by: str = "body") -> None:
    """Return once the page says so, or its element `by`."""
    until_page(page, f"document.querySelector('{by}')?.innerText.includes({json.dumps(text)})")


def lines(page: Page, selector: str = "li") -> list[str]:
    """What is written in each of these elements."""
    found: Sequence[Any] = page.evaluate(
        "(selector) => [...document.querySelectorAll(selector)].map((each) => each.innerText.trim())", selector
    )
    return [str(line) for line in found]


@contextmanager
def without_errors(page: Any) -> Iterator[None]:
    """No script of the page may throw. Playwright alone tells of that from the first script on."""
    thrown: list[str] = []
    if hasattr(page, "on"):
        page.on("pageerror", lambda error: thrown.append(str(error)))
    yield
    assert thrown == []


def _sought(kind: str, name: str) -> str:
    return f"{_FIND}({json.dumps(kind)}, {json.dumps(name)})"
