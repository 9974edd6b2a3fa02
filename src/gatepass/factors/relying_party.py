"""What a gate with passkeys is to browsers: its options, its pages, and the library that reads their answers."""

from dataclasses import dataclass

from gatepass.core.webauthn import Expected
from gatepass.errors import ConfigurationError
from gatepass.factors.options import Passkeys
from gatepass.ports.passkeys import WebAuthn
from gatepass.wire.origin import Origins


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """A relying party (WebAuthn L3 §4)."""

    options: Passkeys
    expected: Expected
    library: WebAuthn


def join_relying_party(options: Passkeys, origins: Origins) -> RelyingParty:
    """The relying party of the pages of a gate. Raises ConfigurationError, also where the library is not installed."""
    from gatepass.factors.fido import Fido2  # an extra, and a quarter of a second

    library = Fido2()
    if library.is_public_suffix(options.rp_id):
        raise ConfigurationError(
            f"`passkey_rp_id` {options.rp_id} is a public suffix: everybody may have a name below it, and browsers "
            "refuse it."
        )
    return RelyingParty(options, options.expected(origins), library)
