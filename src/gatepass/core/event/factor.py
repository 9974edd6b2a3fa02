"""What happens to the factors of an account, and at second steps."""

from dataclasses import dataclass
from typing import Literal

from gatepass.core.event.base import Event

Factor = Literal["passkey", "totp", "recovery-codes"]
ResetBy = Literal["administrator", "owner"]
CancelledBy = Literal["link", "session", "sign-in", "administrator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorAdded(Event):
    """An account has another factor: a passkey, an authenticator app, or new recovery codes in place of all others."""

    name = "user_factor_add"
    account_id: str
    factor: Factor


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorRemoved(Event):
    """The owner removed a factor of an account."""

    name = "user_factor_remove"
    account_id: str
    factor: Factor


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorsReset(Event):
    """All factors of an account were removed, since its owner had lost them.

    By an `administrator`, or by the `owner` after the waiting time.
    """

    name = "user_factors_reset"
    level = "warning"
    account_id: str
    by: ResetBy


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorRecoveryRequested(Event):
    """A person with the password said that the factors are lost; from `ready_at` on they can be removed."""

    name = "user_factor_recovery_request"
    level = "warning"
    account_id: str
    ready_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorRecoveryCancelled(Event):
    """The factors stay: by the mailed `link`, a signed-in `session`, a `sign-in` with a factor, or an administrator.

    A changed password, address or factor and a disabled account end a recovery too, and are events of their own.
    """

    name = "user_factor_recovery_cancel"
    account_id: str
    by: CancelledBy


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactorFailed(Event):
    """A sign-in with the right password failed at its second factor: the password may be known to a stranger."""

    name = "authn_factor_fail"
    level = "warning"
    account_id: str
    factor: Factor


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodeUsed(Event):
    """A recovery code took the place of a second factor. `left` codes are unused."""

    name = "authn_recovery_code_used"
    level = "warning"
    account_id: str
    left: int
