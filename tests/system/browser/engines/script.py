"""Evaluates expressions as Playwright does, by a function whose result is JSON."""

import json
from typing import Any

from tests.system.browser.engines.interface import PageError

_FUNCTION = """async () => {
  try {
    const value = (%s
    );
    const result = await (typeof value === "function" ? value(%s) : value);
    return JSON.stringify({ result: result ?? null });
  } catch (error) {
    return JSON.stringify({ thrown: `${error}`, stack: `${error?.stack}` });
  }
}"""


def function_of(expression: str, arg: Any) -> str:
    """The text of an async function that evaluates an expression."""
    return _FUNCTION % (expression, json.dumps(arg))


def result_of(text: str) -> Any:
    """What it has returned; raises PageError if the expression has thrown."""
    outcome = json.loads(text)
    if "thrown" in outcome:
        raise PageError(f"{outcome['thrown']}\n{outcome['stack']}")
    return outcome["result"]
