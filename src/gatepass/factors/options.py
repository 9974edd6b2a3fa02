"""What an application says of its passkeys: `Gatepass(..., passkeys=Passkeys(rp_id="example.com"))`.

Each option is a setting too: GATEPASS_PASSKEY_RP_ID and others. Without an RP id there are no passkeys: browsers bind
every one of them to it for ever, so it must be chosen, and cannot be guessed from an address that may change.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import get_args
from urllib.parse import urlsplit

from gatepass.core.webauthn import Expected, UserVerification
from gatepass.errors import ConfigurationError
from gatepass.wire.idna import ascii_host
from gatepass.wire.origin import Origins, foreign_origin

MAX_SERVICE = 64
"""Bytes: authenticators may cut what is longer (L3 §5.4.1)."""
_DOMAIN = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.ASCII
)
_ANDROID = re.compile(r"android:apk-key-hash:[A-Za-z0-9_-]{43}", re.ASCII)
"""The origin of an Android application: the SHA-256 of its signing certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkeys:
    """How a gate stands towards authenticators. Raises ConfigurationError."""

    rp_id: str
    """The domain to which passkeys are bound, for ever: that of the pages, or one above it (example.com for
    app.example.com and www.example.com). `localhost` in development."""
    service: str | None = None
    """What the browser calls this service when it asks. None: the RP id."""
    origins: Sequence[str] = ()
    """Pages outside the RP id that use its passkeys (related origins), and Android applications
    (android:apk-key-hash:…). Pages of the public URL and of the allowed origins need not be named."""
    user_verification: UserVerification = "required"
    """`required`: the device asks for its PIN, a finger or a face, so a passkey is two factors. `preferred`: a security
    key without a PIN is accepted too, and is one. `discouraged`: the device asks for a touch alone."""

    def __post_init__(self) -> None:
        if isinstance(self.origins, str):
            raise ConfigurationError("`passkey_origins` must be a list of origins, not one text.")
        object.__setattr__(self, "origins", tuple(self.origins))
        try:
            object.__setattr__(self, "rp_id", ascii_host(self.rp_id))
        except ValueError:
            raise ConfigurationError(f"`passkey_rp_id` is no domain: {self.rp_id}") from None
        if faults := list(self._faults()):
            raise ConfigurationError("\n".join(faults))

    @property
    def name(self) -> str:
        """What the browser calls this service."""
        return self.service or self.rp_id

    def related(self) -> Sequence[str]:
        """The origins that browsers must find in the document of related origins."""
        return [origin for origin in self.origins if origin.startswith("https:") and not self._is_below(origin)]

    def expected(self, origins: Origins) -> Expected:
        """What is accepted of the pages of a gate. Raises ConfigurationError if no page of it could use a passkey."""
        usable = {origin for origin in origins.own | origins.foreign if self._is_below(origin)}
        if not usable:
            example = urlsplit(max(origins.own)).hostname  # of a loopback host "localhost": an address is no RP id
            raise ConfigurationError(
                f"`passkey_rp_id` {self.rp_id} is neither the host of the pages nor a domain above it, so no browser "
                f"would use it there. For pages of `public_url` it is {example}, or a domain above that."
            )
        return Expected(self.rp_id, frozenset(usable | set(self.origins)), self.user_verification)

    def _is_below(self, origin: str) -> bool:
        """Whether a browser lets pages of an origin use the RP id: on the domain or below, and no stranger between."""
        parts = urlsplit(origin)
        host = parts.hostname or ""
        is_secure = parts.scheme == "https" or (parts.scheme == "http" and host == "localhost")
        return is_secure and (host == self.rp_id or host.endswith(f".{self.rp_id}"))

    def _faults(self) -> Iterator[str]:
        if _is_address(self.rp_id):
            yield (
                "`passkey_rp_id` must be a domain: browsers take no address. In development it is localhost, and the "
                "page is opened at http://localhost:8000, not at http://127.0.0.1:8000."
            )
        elif _DOMAIN.fullmatch(self.rp_id) is None:
            yield "`passkey_rp_id` must be a domain alone, such as example.com: no scheme, no port, no path."
        if self.service is not None and not (
            self.service.isprintable() and 0 < len(self.service.encode()) <= MAX_SERVICE
        ):
            yield f"`passkey_service` must be one line of at most {MAX_SERVICE} bytes."
        if self.user_verification not in get_args(UserVerification):
            yield "`passkey_user_verification` must be required, preferred or discouraged."
        for origin in self.origins:
            if fault := _fault_of(origin):
                yield f"`passkey_origins`: {fault}"


def _is_address(text: str) -> bool:
    try:
        ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _fault_of(origin: str) -> str | None:
    """What is wrong with a named origin."""
    if origin.startswith("android:"):
        is_hash = _ANDROID.fullmatch(origin) is not None
        return None if is_hash else "an Android application is android:apk-key-hash: and 43 characters of base64url"
    try:
        named = foreign_origin(origin)
    except ConfigurationError as fault:
        return str(fault)
    if named.startswith("http:") and urlsplit(named).hostname != "localhost":
        return f"browsers offer passkeys to pages over https alone: {named}"
    return None
