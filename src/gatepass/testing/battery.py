"""The contract of a store as tests: every store passes them, ours and yours.

    from gatepass.testing.battery import StoreBattery

    class TestMyStore(StoreBattery):
        @pytest.fixture
        async def store(self):
            store = MyStore(...)
            await store.open()
            yield store
            await store.close()

The fixture gives an open, empty store. Needs pytest with pytest-asyncio in auto mode. A store that serves one
port alone takes that part: SessionBattery, AccountBattery with ApplicantBattery, AttemptBattery, KeyBattery. One
that several processes can have at once takes SharedBattery too.
"""

try:
    import pytest
except ModuleNotFoundError as missing:
    raise ImportError("The battery needs pytest: pip install 'gatepass[testing]'") from missing

pytest.register_assert_rewrite("gatepass.testing.session_battery", "gatepass.testing.account_battery")

from gatepass.testing.account_battery import AccountBattery, ApplicantBattery, AttemptBattery, KeyBattery  # noqa: E402
from gatepass.testing.session_battery import SessionBattery, SharedBattery  # noqa: E402

__all__ = [
    "AccountBattery",
    "ApplicantBattery",
    "AttemptBattery",
    "KeyBattery",
    "SessionBattery",
    "SharedBattery",
    "StoreBattery",
]


class StoreBattery(SessionBattery, AccountBattery, ApplicantBattery, AttemptBattery, KeyBattery):
    """Everything that `gatepass.ports.Store` promises."""
