"""A session with every field, and the places that keep it."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

from gatepass.client.storage.record import Account, SessionRecord

CANARY = "gp_rt_canary"
FULL = SessionRecord(
    sid="ab" * 16,
    generation=7,
    challenge="q83vEjRWeJo",
    binding_key=bytes(range(32)),
    is_bound=True,
    missing=(1, 1_800_000_000.5),
    cookie=("__Host-Http-gatepass", CANARY),
    access_token="ey.canary.token",
    expires_at=1_800_000_000.25,
    lifetime=900.0,
    account=Account(id="7", email="änn@example.com", created_at=1_700_000_000),
    signed_out=(("cd" * 16, "gatepass_8000", "gp_rt_canary_2"),),
)


class Entries:
    """A keyring in memory."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password


@contextmanager
def full_disk() -> Iterator[None]:
    """Every write to a file fails while the block runs: a limit that the system keeps for this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
