"""Sessions for Python back ends: sign in once, stay signed in, and a thief does not.

The names that an application imports. Each is imported at its first use; nothing inside the package imports from here.
"""

from gatepass._lazy import lazy_names

__version__ = "0.1.0"

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "gatepass.accounts.external": ["AuthenticatedUser", "Authenticator"],
        "gatepass.core.principal": ["Principal"],
        "gatepass.core.claims": ["AccountFacts", "Tokens"],
        "gatepass.core.hook_facts": ["HookFacts", "RequestFacts"],
        "gatepass.core.keyring": ["Secrets"],
        "gatepass.core.policy": ["Policy"],
        "gatepass.core.rate": ["Rate"],
        "gatepass.errors": [
            "ConfigurationError",
            "GatepassError",
            "InsufficientScope",
            "InsufficientUserAuthentication",
            "InvalidCredentials",
            "InvalidToken",
            "Problem",
            "Refused",
            "SessionEnded",
            "SignInRefused",
            "StoreUnavailable",
            "TokenRequired",
            "TooManyAttempts",
        ],
        "gatepass.factors.options": ["Passkeys"],
        "gatepass.gate": ["Gatepass"],
        "gatepass.mail": ["LinkPages", "Mail", "MailTemplates"],
        "gatepass.server.door.door": ["SignedIn"],
        "gatepass.server.limits": ["Limits"],
        "gatepass.wire.browsers": ["Browsers"],
        "gatepass.wire.pages": ["Pages"],
    },
)
