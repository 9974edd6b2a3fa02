"""Whether the guard of a gate refuses a browser."""

from gatepass.errors import InvalidToken
from gatepass.gate import Gatepass
from tests.support.browser import Browser


def is_refused(gate: Gatepass, browser: Browser) -> bool:
    try:
        gate.check.principal([browser.bearer[1]])
    except InvalidToken:
        return True
    return False
