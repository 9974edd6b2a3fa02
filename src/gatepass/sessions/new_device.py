"""Whether somebody signs in from a device that their account does not have already.

A device is known here by what sessions keep of it: the label of the client and the network, both as coarse as they
are. Known is who brings the cookie of a session of the account, and who looks like one of its live sessions. With no
live session there is nothing to compare with, and nothing is said: so the first sign-in is no new device, and nobody
who signs out every evening hears of it every morning. Nothing is stored for this and nothing is set in the browser.

Compared with the sessions as they were before the new one began, which a sign-in reads anyhow; nothing for a refresh.
"""

from collections.abc import Callable, Collection, Sequence

from gatepass.core.event import Event, SessionNewDevice
from gatepass.core.session import Session
from gatepass.sessions.service import Caller


class Devices:
    """Looks at the sessions that an account has."""

    def __init__(self, report: Callable[[Event], None]) -> None:
        self._report = report

    def is_new(self, rows: Sequence[Session], *, caller: Caller, brought: Collection[bytes]) -> bool:
        """Whether `caller` is none of the devices of `rows`; `brought` are the sids of the cookies that came."""
        if any(row.sid in brought for row in rows):
            return False
        return bool(rows) and all((row.client, row.last_ip_prefix) != (caller.client, caller.ip_prefix) for row in rows)

    def tell(self, session: Session) -> None:
        """Report that a session was begun on a new device."""
        self._report(
            SessionNewDevice(
                at=session.created_at,
                address=session.last_ip_prefix,
                account_id=session.account_id,
                sid=session.sid.hex(),
                client=session.client,
            )
        )
