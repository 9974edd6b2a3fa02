"""What a test asks of a follower of revocations."""

from gatepass.core.keyring import compose_secret
from gatepass.errors import Unavailable
from gatepass.remote import RemoteRevocations

REVOCATION_FEED_SECRET = compose_secret(bytes(range(60, 92)))
NOBODY = "ff" * 16


def knows(revocations: RemoteRevocations, sid: str) -> bool:
    """Whether the list has this session."""
    try:
        return revocations.is_revoked(sid)
    except Unavailable:
        return False


def answers(revocations: RemoteRevocations) -> bool:
    """Whether the list is fresh enough to answer."""
    try:
        return not revocations.is_revoked(NOBODY)
    except Unavailable:
        return False
