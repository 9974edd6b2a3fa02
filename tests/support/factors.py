"""An account with an authenticator app, for tests of the second step."""

import base64

from gatepass.core.account import Account
from gatepass.core.secret import Secret
from gatepass.core.totp import PERIOD, code_at, step_at
from tests.support.browser import EMAIL
from tests.support.gates import GateHarness


class App:
    """The app of one account, and its recovery codes."""

    def __init__(self, at: GateHarness, secret: bytes) -> None:
        self.at = at
        self.secret = secret
        self.recovery_codes: list[str] = []

    def code(self) -> str:
        """The code of the next step: the clock goes on until it holds, as no code counts twice."""
        self.at.clock.advance(PERIOD)
        return self.shown()

    def shown(self) -> str:
        """The code that the app shows now."""
        return code_at(self.secret, step_at(self.at.clock.now()))

    def wrong(self) -> str:
        """Six digits that no step near now has."""
        step = step_at(self.at.clock.now())
        near = {code_at(self.secret, step + drift) for drift in range(-3, 4)}
        return next(code for number in range(10) if (code := f"{number:06}") not in near)

    @staticmethod
    def secret_of(text: str) -> bytes:
        """The bytes of a secret as the server shows it."""
        return base64.b32decode(text + "=" * (-len(text) % 8))


async def account_of(at: GateHarness, email: str = EMAIL) -> Account:
    """The account of an address, as it is now."""
    account = await at.gate.accounts.find_by_address(email)
    assert account is not None
    return account


async def enrol(at: GateHarness, email: str = EMAIL) -> App:
    """Give an account an authenticator app. Its sessions stay."""
    totps = at.gate._parts.totps
    setup = await totps.start(await account_of(at, email))
    app = App(at, App.secret_of(setup.secret.reveal()))
    codes = await totps.confirm(await account_of(at, email), Secret(app.shown()))
    app.recovery_codes = [code.reveal() for code in codes]
    return app
