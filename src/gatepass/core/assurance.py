"""How sure a sign-in is: whether several factors took part, and whether it reaches what a route asks for (RFC 9470).

requires(acr="mfa")               several factors: the session's acr is "mfa", or its methods have "mfa" (RFC 8176)
requires(acr="urn:example:gold")  an assurance by the word of a provider or of the application
requires(acr="mfa urn:…:gold")    one of several is enough, as in `acr_values` of OpenID Connect
"""

import re
from collections.abc import Collection

from gatepass.core.authentication import MAX_ACR

MFA = "mfa"
"""The assurance of a sign-in with several factors, and the method that says so (RFC 8176 §2)."""
_ACR_VALUES = re.compile(r"[!#-\[\]-~]+( [!#-\[\]-~]+)*", re.ASCII)
"""Words that stand in a challenge between quotation marks as they are."""


def is_multi_factor(methods: Collection[str], acr: str | None) -> bool:
    """Whether a sign-in by these methods, with this assurance, had several factors."""
    return acr == MFA or MFA in methods


def reaches(acr_values: str, *, methods: Collection[str], acr: str | None) -> bool:
    """Whether a sign-in has one of the assurances that are enough, with a space between them."""
    enough = acr_values.split(" ")
    return acr in enough or (MFA in enough and is_multi_factor(methods, acr))


def check_acr_values(acr_values: str) -> None:
    """Raise ValueError for what cannot name assurances."""
    if not (isinstance(acr_values, str) and len(acr_values) <= MAX_ACR and _ACR_VALUES.fullmatch(acr_values)):
        raise ValueError(
            'acr is one word such as "mfa", or several with one space between them, of printable ASCII characters '
            f"without quotation mark and backslash, {MAX_ACR} characters at most; or None"
        )
