"""The contract of a store as tests, which every store must pass, ours and yours.

    from gatepass.testing.battery import StoreBattery

    class TestMyStore(StoreBattery):
        @pytest.fixture
        async def store(self):
            store = MyStore(...)
            await store.open()
            yield store
            await store.close()

The fixture must give an open, empty store. The tests need pytest with pytest-asyncio in auto mode. A store of one port
alone inherits from that part: SessionBattery with FeedBattery, AccountBattery with RegistrationBattery,
IdentityBattery, FactorBattery and ChangeBattery, AttemptBattery, KeyBattery, AuditBattery, ClaimsBattery. A store that
several processes can share inherits from SharedBattery too.
"""

from gatepass._extras import missing_extra

try:
    import pytest
except ModuleNotFoundError as missing:
    sentence = "The battery needs pytest: pip install 'gatepass[testing]'"
    raise missing_extra(missing, "pytest", sentence=sentence) from None

pytest.register_assert_rewrite(
    *(
        f"gatepass.testing.{part}_battery"
        for part in (
            *("account", "attempt", "audit", "change", "claims", "factor", "feed", "identity", "key"),
            *("registration", "session", "swap"),
        )
    )
)

from gatepass.testing.account_battery import AccountBattery  # noqa: E402
from gatepass.testing.attempt_battery import AttemptBattery  # noqa: E402
from gatepass.testing.audit_battery import AuditBattery  # noqa: E402
from gatepass.testing.change_battery import ChangeBattery  # noqa: E402
from gatepass.testing.claims_battery import ClaimsBattery  # noqa: E402
from gatepass.testing.factor_battery import FactorBattery  # noqa: E402
from gatepass.testing.feed_battery import FeedBattery, SharedBattery  # noqa: E402
from gatepass.testing.identity_battery import IdentityBattery  # noqa: E402
from gatepass.testing.key_battery import KeyBattery  # noqa: E402
from gatepass.testing.registration_battery import RegistrationBattery  # noqa: E402
from gatepass.testing.session_battery import SessionBattery  # noqa: E402

__all__ = [
    "AccountBattery",
    "AttemptBattery",
    "AuditBattery",
    "ChangeBattery",
    "ClaimsBattery",
    "FactorBattery",
    "FeedBattery",
    "IdentityBattery",
    "KeyBattery",
    "RegistrationBattery",
    "SessionBattery",
    "SharedBattery",
    "StoreBattery",
]


class StoreBattery(
    SessionBattery,
    FeedBattery,
    AccountBattery,
    RegistrationBattery,
    IdentityBattery,
    FactorBattery,
    ChangeBattery,
    AttemptBattery,
    KeyBattery,
    AuditBattery,
    ClaimsBattery,
):
    """The whole contract of `gatepass.ports.Store`."""
