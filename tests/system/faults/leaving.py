"""Sessions that end, one for each way in which the server acknowledges an end, which is asked for until it has.

What P4 promises begins with the acknowledgement: from then on every guard refuses, and no token of the session works.
"""

import json
from collections.abc import Sequence
from enum import Enum

from tests.system.faults.browser_profile import PASSWORD, Outcome, Profile, pause
from tests.system.faults.raw_http import Answer, RawConnection, compose


class How(Enum):
    """The ways to end a session, other than a detected theft."""

    SIGN_OUT = "sign-out"
    BEARER = "sign-out by access token"
    REVOKE = "revoke"
    EVERYWHERE = "logout-all"
    PASSWORD = "password change"
    DISABLE = "disable"
    CLOSURE = "closure"
    REPLACED = "another sign-in"


OF_THE_ACCOUNT = (How.EVERYWHERE, How.PASSWORD, How.DISABLE, How.CLOSURE)
"""The ways that end all sessions of the account."""


THEFT = "detected theft"


class Leaver:
    """An account of its own with two sessions: one or both end, by the hand of the second."""

    def __init__(self, how: How, *, email: str, profiles: Sequence[Profile]) -> None:
        self.how = how
        self.email = email
        self.tries = 0
        self.is_refused = False
        """Whether a try failed for another reason than that its access token had expired."""
        self.is_acknowledged = False
        self.unexpected: list[str] = []
        self._first, self._second = profiles

    @property
    def ending(self) -> Sequence[Profile]:
        """The sessions that end."""
        return (self._first, self._second) if self.how in OF_THE_ACCOUNT else (self._first,)

    async def sign_in(self, connection: RawConnection) -> None:
        """Register, and sign in twice."""
        await self._first.sign_in(connection, self.email, is_new=True)
        await self._second.sign_in(connection, self.email)

    async def renew(self, connection: RawConnection) -> None:
        """Ask for access tokens that have just begun, which the server gives if it can."""
        for profile in (self._first, self._second):
            await profile.refresh(connection)

    async def leave(self, port: int) -> None:
        """Ask the server at this port for the end, until it is acknowledged."""
        connection = RawConnection(port)
        own = RawConnection(self._first.port)
        try:
            await self.renew(own)
            while True:
                answer = await connection.send(self._request(port))
                if self._is_done(answer) or (answer and answer.status == 401 and await self._is_over(own)):
                    break
                self.is_refused |= answer is None or answer.status != 401
                self.tries += 1
                await pause()
            self.is_acknowledged = True
        finally:
            connection.close()
            own.close()

    async def live_on(self, connection: RawConnection) -> int:
        """How many of the ended sessions can be refreshed nevertheless."""
        outcomes = [await profile.refresh_until_answered(connection) for profile in self.ending]
        return sum(outcome is not Outcome.ENDED for outcome in outcomes)

    def _request(self, port: int) -> bytes:
        plain = ["Gatepass-Client: 1", "Sec-Fetch-Site: same-origin"]
        bearer = [*plain, f"Authorization: Bearer {self._second.access}"]
        match self.how:
            case How.SIGN_OUT:
                return compose("/auth/logout", port, self._first.headers(), b"")
            case How.BEARER:
                own = [*plain, f"Authorization: Bearer {self._first.access}"]
                return compose("/auth/logout", port, own, b"")
            case How.REVOKE:
                return compose(f"/auth/sessions/{self._first.sid}", port, bearer, b"", method="DELETE")
            case How.EVERYWHERE:
                return compose("/auth/logout-all", port, bearer, b"")
            case How.PASSWORD:
                body = json.dumps({"current": PASSWORD, "new": PASSWORD[::-1]}).encode()
                return compose("/auth/password", port, bearer, body)
            case How.DISABLE:
                return compose("/admin/disable", port, [], json.dumps(self.email).encode())
            case How.CLOSURE:
                body = json.dumps({"password": PASSWORD}).encode()
                return compose("/auth/account/delete", port, bearer, body)
            case How.REPLACED:
                body = json.dumps({"email": self.email, "password": PASSWORD}).encode()
                return compose("/auth/login", port, self._first.headers(), body)

    def _is_done(self, answer: Answer | None) -> bool:
        if answer is None or answer.status in (401, 429, 502, 503, 504):
            return False
        if answer.status == (200 if self.how in (How.PASSWORD, How.REPLACED) else 204):
            return True
        self.unexpected.append(f"{self.how.value}: {answer.status} {answer.body[:120]!r}")
        return False

    async def _is_over(self, connection: RawConnection) -> bool:
        """Whether an earlier attempt has had its effect; if not, there is a new access token for the next one."""
        asking = self._first if self.how in (How.SIGN_OUT, How.BEARER, How.REPLACED) else self._second
        return await asking.refresh(connection) is Outcome.ENDED
