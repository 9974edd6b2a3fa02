"""What the outside must supply. Services know these protocols and never a concrete store.

The contract that all stores share:
* "Not found" is a value (None, False, an empty tuple). An exception means the store is ill, and is always
  StoreUnavailable: the caller answers 503 and nothing is decided.
* A store moves data and compares. It knows no rule of PROTOCOL §4 but the version that a swap expects, and asks no
  clock: times come in.
* `add` and `revoke` return only when durable; `swap` may be lost in a fail-over (the table recovers it).
* One verb per intent. `gatepass.testing.battery.StoreBattery` is this contract as tests.
"""

from gatepass.ports.accounts import AccountStore, Attempts, AttemptStore, ChangeStore, IdentityStore
from gatepass.ports.factors import FactorStore
from gatepass.ports.sessions import (
    CLAIMS_CHANGED,
    ClaimsStore,
    EpochStore,
    PartlyRead,
    Revocation,
    SessionStore,
    Subscription,
)
from gatepass.ports.store import AuditStore, KeyStore, Store
from gatepass.ports.system import Clock, Entropy, Mailer, Message, PasswordHasher

__all__ = [
    "CLAIMS_CHANGED",
    "AccountStore",
    "AttemptStore",
    "Attempts",
    "AuditStore",
    "ChangeStore",
    "ClaimsStore",
    "Clock",
    "Entropy",
    "EpochStore",
    "FactorStore",
    "IdentityStore",
    "KeyStore",
    "Mailer",
    "Message",
    "PartlyRead",
    "PasswordHasher",
    "Revocation",
    "SessionStore",
    "Store",
    "Subscription",
]
