"""Refusals that concern who asks: 401, 403, and the 303 by which a person who opens a page is sent on."""

from collections.abc import Mapping, Sequence

from gatepass.errors.base import Fact, Problem
from gatepass.problem_codes import ProblemCode


class Unauthenticated(Problem):
    """401. Every 401 carries a challenge (RFC 9110 §15.5.2)."""

    status = 401
    title = "Unauthenticated"

    def __init__(
        self, code: str, detail: str, *, facts: Mapping[str, Fact] | None = None, challenge: str = "Bearer"
    ) -> None:
        super().__init__(code, detail, facts=facts, headers={"WWW-Authenticate": challenge})


class TokenRequired(Unauthenticated):
    """No access token came: the challenge has no error code (RFC 6750 §3.1)."""

    def __init__(self) -> None:
        super().__init__(ProblemCode.TOKEN_REQUIRED, "This needs an access token: Authorization: Bearer <token>.")


class InvalidToken(Unauthenticated):
    """An access token came and is not valid. `why` is for logs and tests; the caller gets the code alone."""

    def __init__(self, why: str, *, reason: str = "") -> None:
        """`reason` is told to the caller, as a fact of the document and as `error_description` (RFC 6750 §3)."""
        super().__init__(
            ProblemCode.INVALID_TOKEN,
            "The access token is malformed, expired, revoked or not for this service.",
            facts={"reason": reason} if reason else None,
            challenge='Bearer error="invalid_token"' + (f', error_description="{reason}"' if reason else ""),
        )
        self.why = why


class RevokedToken(InvalidToken):
    """The token is genuine, and its session has ended: on the wire as any invalid token, at a WebSocket 4403."""

    def __init__(self) -> None:
        super().__init__("session revoked")


class StaleClaims(InvalidToken):
    """The token is genuine and older than a change of its account's claims: a client refreshes, however young it is."""

    def __init__(self) -> None:
        super().__init__("claims changed", reason="claims-changed")


class InsufficientUserAuthentication(Unauthenticated):
    """The access token is valid, but its sign-in was too long ago, or by too weak means (RFC 9470 §3).

    `acr` names the assurances that are enough; the document has them as `acr_values`.
    """

    def __init__(self, max_age: int | None = None, *, acr: str | None = None) -> None:
        asked: dict[str, Fact] = {} if acr is None else {"acr_values": acr}
        if max_age is not None:
            asked["max_age"] = max_age
        told = "".join(f', {name}="{value}"' for name, value in asked.items())
        super().__init__(
            ProblemCode.INSUFFICIENT_USER_AUTHENTICATION,
            "This needs a recent sign-in: sign in again." if acr is None else "This needs a stronger sign-in: step up.",
            facts=asked,
            challenge=f'Bearer error="insufficient_user_authentication"{told}',
        )


class InvalidCredentials(Unauthenticated):
    """One answer for an unknown account, a wrong password and a disabled account."""

    def __init__(
        self, code: str = ProblemCode.INVALID_CREDENTIALS, detail: str = "E-mail address or password is wrong."
    ) -> None:
        super().__init__(code, detail)


class InvalidCode(InvalidCredentials):
    """A code of a second factor is wrong, was used before, or there is no such factor: one answer."""

    def __init__(self) -> None:
        super().__init__(ProblemCode.INVALID_CODE, "The code is wrong, or was used already.")


class InvalidMailCode(InvalidCredentials):
    """A mailed code is wrong, is of another request, or the address has no account: one answer."""

    def __init__(self) -> None:
        super().__init__(ProblemCode.INVALID_MAIL_CODE, "The code is wrong. Take the one of the newest mail.")


class PasskeyRefused(Unauthenticated):
    """One answer for whatever is wrong with a passkey, and one for a credential that is unknown here."""

    def __init__(self, *, is_unknown: bool = False) -> None:
        """`is_unknown`: a page may tell the browser to forget the passkey (WebAuthn L3 §5.1.10.2)."""
        if is_unknown:
            super().__init__(ProblemCode.UNKNOWN_CREDENTIAL, "This passkey is not known here any more.")
        else:
            super().__init__(ProblemCode.PASSKEY_REFUSED, "This passkey cannot be used here.")


class SecondFactorRequired(Unauthenticated):
    """The first step of a sign-in is right, and one of `methods` must follow, with the `ticket` (PROTOCOL §6).

    `expires_in` seconds are left for it.
    """

    def __init__(self, methods: Sequence[str], *, ticket: str, expires_in: int) -> None:
        super().__init__(
            ProblemCode.SECOND_FACTOR_REQUIRED,
            "This sign-in needs a second step.",
            facts={"methods": list(methods), "ticket": ticket, "expires_in": expires_in},
        )
        self.methods = tuple(methods)
        self.ticket = ticket
        self.expires_in = expires_in


class NoSession(Unauthenticated):
    """A refresh came without a refresh token."""

    def __init__(self) -> None:
        super().__init__(ProblemCode.NO_SESSION, "No refresh token came with the request.")


class SessionEnded(Unauthenticated):
    """The session has ended. `sid` and `reason` are set only if the refresh token was really ours (PROTOCOL §9)."""

    def __init__(self, *, sid: str | None = None, reason: str | None = None) -> None:
        given = {"sid": sid, "reason": reason}
        super().__init__(
            ProblemCode.SESSION_ENDED,
            "The session has ended; sign in again.",
            facts={name: value for name, value in given.items() if value is not None},
        )
        self.sid = sid
        self.reason = reason


class Forbidden(Problem):
    """403: understood and refused; nothing changed."""

    status = 403
    title = "Forbidden"


class SignInRefused(Forbidden):
    """The application has authenticated a person whose account is disabled, changed meanwhile, or does not exist."""

    def __init__(self) -> None:
        super().__init__(ProblemCode.SIGN_IN_REFUSED, "This account cannot be signed in to.")


class ProofRequired(Forbidden):
    """The refresh token is bound to a key, and the request does not prove it: `missing` or `wrong` (PROTOCOL §4).

    `device`: the session is bound to a device, and the request does not show it (PROTOCOL §11).
    """

    _OF_THE_CLIENT = (
        "This session is bound to a key of the client that signed in, and the request does not prove it with "
        "Gatepass-Proof. A server that renders pages cannot refresh by forwarding the cookie: it reads the page "
        "cookie (PAGES), or lets the page refresh. Guide: docs/guides/rendering.md"
    )

    def __init__(self, reason: str) -> None:
        device = "This session is bound to a device, and the request does not come from it; sign in again."
        super().__init__(
            ProblemCode.PROOF_REQUIRED, device if reason == "device" else self._OF_THE_CLIENT, facts={"reason": reason}
        )
        self.reason = reason


class InsufficientScope(Forbidden):
    """The access token is valid but lacks a scope (RFC 6750 §3.1)."""

    def __init__(self, scopes: Sequence[str]) -> None:
        needed = " ".join(scopes)
        super().__init__(
            ProblemCode.INSUFFICIENT_SCOPE,
            "The access token does not cover this.",
            facts={"scope": needed},
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{needed}"'},
        )


class PageElsewhere(Problem):
    """303 for a person who opens a page: to the resume page, or to where people sign in (PROTOCOL §10)."""

    status = 303
    title = "See other"

    def __init__(self, code: str, detail: str, location: str) -> None:
        super().__init__(code, detail, headers={"Location": location, "Vary": "Cookie"})
        self.location = location
