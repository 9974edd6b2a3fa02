"""What a browser carries to a provider and back: an errand, sealed in a cookie of its own.

    __Host-Http-gatepass-oidc_<first 11 characters of the state>      Path=/; Secure; HttpOnly; SameSite=Lax; 10 minutes

The refresh cookie is Strict, so browsers do not send it where a provider sends them; this one is Lax, and worth nothing
but for the one answer of the provider that carries its state. Each errand has a cookie, so that two tabs do not
destroy each other's. The text is sealed (`core/sealed.py`) and bound to the cookie's name, so only this gate reads and
makes one. By the `__Host-` prefix no sibling subdomain can plant its own: the attacker's errand in the victim's browser
would sign the victim in as the attacker.
"""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gatepass.core import base64url, sealed
from gatepass.core.binding import BindingKey
from gatepass.core.keyring import KeyRing
from gatepass.core.policy import MINUTE
from gatepass.core.secret import Secret

TTL = 10 * MINUTE
"""Against what: a person who looks for a second factor. The provider's own code lives for a minute or two."""
MAX_AT_ONCE = 5
MAX_TOTAL = 4096
"""Characters of the errands that one browser carries: all go with every request to this host, and servers take 8 kB."""
MAX_SEALED = 3500
STATE_BYTES = 16
KEY_CHARACTERS = 11


@dataclass(frozen=True, slots=True, repr=False)
class Errand:
    """One sign-in that is under way. Times are Unix seconds.

    `replaces` are the sessions (hex) whose refresh cookies came at the start, and which the new one replaces. `link` is
    the account to which the identity is to be added, as `session` (hex) asked; both None for a sign-in. `max_age`
    bounds the seconds from the person's last sign-in at the provider to the start of this one, beside the provider's
    option.
    """

    provider: str
    state: Secret
    nonce: Secret
    verifier: Secret
    redirect_uri: str
    return_to: str
    remember: bool
    expires_at: int
    binding_key: BindingKey | None = None
    replaces: Sequence[str] = ()
    link: str | None = None
    session: str | None = None
    max_age: int | None = None

    @property
    def oldest(self) -> int | None:
        """The earliest time of a sign-in at the provider that is recent enough; None if any is."""
        return None if self.max_age is None else self.expires_at - TTL - self.max_age

    def has_state(self, state: str) -> bool:
        """Whether the provider's answer carries the state of this errand."""
        return hmac.compare_digest(self.state.reveal().encode(), state.encode("utf-8", "replace"))


def key_of(state: str) -> str:
    """By what the cookie of an errand is named."""
    return state[:KEY_CHARACTERS]


def seal(errand: Errand, keys: KeyRing, *, nonce: bytes, name: str) -> str:
    """The text of an errand's cookie, for one cookie `name`. `nonce` as for `sealed.seal`."""
    return sealed.seal(_members(errand), keys, purpose="errand", nonce=nonce, context=name.encode())


def unseal(text: str, keys: KeyRing, *, name: str) -> Errand | None:
    """The errand of a cookie; None for what this gate did not seal under this name. The caller checks `expires_at`."""
    if len(text) > MAX_SEALED:
        return None
    opened = sealed.unseal(text, keys, purpose="errand", context=name.encode())
    return None if opened is None else _errand(opened[0])


def surplus(carried: Iterable[tuple[str, str]], keys: KeyRing, *, now: int) -> list[str]:
    """The names of cookies that must go before one more errand begins: expired ones, foreign ones, the oldest.

    `carried` are names and texts.
    """
    opened = [(name, text, unseal(text, keys, name=name)) for name, text in carried]
    live = [(errand.expires_at, name, len(text)) for name, text, errand in opened if errand and errand.expires_at > now]
    kept, total = set[str](), MAX_SEALED // 2
    for _, name, length in sorted(live, reverse=True)[: MAX_AT_ONCE - 1]:
        total += length
        if total <= MAX_TOTAL:
            kept.add(name)
    return [name for name, *_ in opened if name not in kept]


def _members(errand: Errand) -> dict[str, object]:
    key = errand.binding_key
    return {
        "p": errand.provider,
        "s": errand.state.reveal(),
        "n": errand.nonce.reveal(),
        "v": errand.verifier.reveal(),
        "u": errand.redirect_uri,
        "r": errand.return_to,
        "m": errand.remember,
        "e": errand.expires_at,
        "k": None if key is None else base64url.encode(key.reveal()),
        "x": list(errand.replaces),
        "l": errand.link,
        "i": errand.session,
        "a": errand.max_age,
    }


def _errand(members: object) -> Errand | None:
    """What was sealed. None for the form of another version."""
    match members:
        case {
            "p": str(provider),
            "s": str(state),
            "n": str(nonce),
            "v": str(verifier),
            "u": str(redirect_uri),
            "r": str(return_to),
            "m": bool(remember),
            "e": int(expires_at),
            "k": str() | None as key,
            "x": list(replaces),
            "l": str() | None as link,
            "i": str() | None as session,
            "a": int() | None as max_age,
        }:
            return Errand(
                provider,
                Secret(state),
                Secret(nonce),
                Secret(verifier),
                redirect_uri,
                return_to,
                remember,
                expires_at,
                None if key is None else BindingKey.parse(key),
                tuple(map(str, replaces)),
                link,
                session,
                max_age,
            )
    return None
