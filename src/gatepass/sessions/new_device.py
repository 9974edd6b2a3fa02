"""Whether a sign-in comes from a device that the account does not have already.

A device is known by what its session keeps of it: the label of the client and the network, both as coarse as they are.
A sign-in from a known device brings the cookie of a session of the account, or looks like one of its live sessions.
Without a live session there is nothing to compare with, and nothing is reported: so the first sign-in is no new device,
and an owner who signs out every evening gets no mail every morning. Nothing is stored for this, and nothing is set in
the browser.

The comparison is with the sessions before the new one, which a sign-in reads anyway. A refresh costs nothing for this.
"""

from collections.abc import Collection, Sequence

from gatepass.core.event import SessionNewDevice
from gatepass.core.session import Session


def is_new_device(session: Session, others: Sequence[Session], *, cookie_sids: Collection[bytes]) -> bool:
    """Whether a new session is on none of the devices of `others`, the live sessions that its account had before.

    `cookie_sids` are the sessions whose refresh tokens came with the sign-in.
    """
    devices = {(other.client, other.last_ip_prefix) for other in others}
    is_known = (session.client, session.last_ip_prefix) in devices or any(row.sid in cookie_sids for row in others)
    return bool(devices) and not is_known


def new_device_event(session: Session) -> SessionNewDevice:
    """The event that tells of a session on a new device."""
    return SessionNewDevice(
        at=session.created_at,
        address=session.last_ip_prefix,
        account_id=session.account_id,
        sid=session.sid.hex(),
        client=session.client,
    )
