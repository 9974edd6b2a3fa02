"""Sessions for Python back ends: sign in once, stay signed in, and nobody else does.

The names an application imports. Nothing inside the package imports from here.
"""

from gatepass.accounts.external import AuthenticatedUser, Authenticator
from gatepass.core.access_token import Principal
from gatepass.core.policy import Policy
from gatepass.errors import (
    ConfigurationError,
    GatepassError,
    InsufficientScope,
    InsufficientUserAuthentication,
    InvalidCredentials,
    InvalidToken,
    Problem,
    SessionEnded,
    StoreUnavailable,
    TokenRequired,
    TooManyAttempts,
)
from gatepass.gate import Gatepass
from gatepass.mail import LinkPages, MailTemplates

__version__ = "0.1.0"

__all__ = [
    "AuthenticatedUser",
    "Authenticator",
    "ConfigurationError",
    "Gatepass",
    "GatepassError",
    "InsufficientScope",
    "InsufficientUserAuthentication",
    "InvalidCredentials",
    "InvalidToken",
    "LinkPages",
    "MailTemplates",
    "Policy",
    "Principal",
    "Problem",
    "SessionEnded",
    "StoreUnavailable",
    "TokenRequired",
    "TooManyAttempts",
]
