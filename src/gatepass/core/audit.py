"""One entry of the audit trail: which administrator did what, to what, and when (ASVS 16.2.1, 16.3.1).

Events tell the listeners of one process what happened there; a command has no listeners. The trail is in the
store, so what a command did on another machine is found there too. An entry holds ids and no personal data of owners.
"""

from dataclasses import dataclass
from typing import Literal

AuditAction = Literal[
    "account-added",
    "account-disabled",
    "account-enabled",
    "account-deleted",
    "account-verified",
    "accounts-imported",
    "identity-unlinked",
    "factors-reset",
    "factor-recovery-cancelled",
    "session-ended",
    "sessions-ended",
    "all-sessions-ended",
    "claims-refreshed",
    "key-made",
    "key-retired",
]
MAX_ACTOR = 128
MAX_DETAIL = 256


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """`at` is Unix seconds, `actor` who did it; `target` the id of an account, a session or a key.

    `number` is given by the store: later entries have higher ones.
    """

    at: int
    actor: str
    action: AuditAction
    target: str
    detail: str = ""
    number: int = 0
