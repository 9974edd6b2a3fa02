"""Requests that were refused: sign-ins, rates, cross-site requests, access tokens."""

from dataclasses import dataclass

from gatepass.core.event.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInFailed(Event):
    """Unknown account, wrong password or disabled account; `account_id` if there is one."""

    name = "authn_login_fail"
    level = "warning"
    account_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInThrottled(Event):
    """A sign-in attempt was refused without looking at its password. `retry_after` is in seconds."""

    name = "authn_login_throttled"
    level = "warning"
    retry_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MailCodeRefused(Event):
    """A code that was said to be mailed is wrong; `account_id` if the address has an account."""

    name = "authn_mail_code_refused"
    level = "warning"
    account_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyRefused(Event):
    """The answer of an authenticator added nothing and began no session. `why` says what was wrong with it.

    `origin`: of a page that is not accepted; `verification`: the device did not ask who it is; `copy`: the counter did
    not rise, so two devices have the key; `unknown`: no account has the credential. The others are in
    `gatepass.core.webauthn`. `account_id` if the passkey, or the session, is of one.
    """

    name = "authn_passkey_refused"
    level = "warning"
    account_id: str | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactorAsked(Event):
    """The first step of a sign-in succeeded, and another must follow: `methods` are the words for which, as "totp".

    Without a `session_started` soon after it, a stranger may have the password.
    """

    name = "authn_second_factor_asked"
    account_id: str
    methods: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSignInRefused(Event):
    """A sign-in at a provider began no session. `code` is what the page is told."""

    name = "authn_provider_refused"
    level = "warning"
    provider: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RateExceeded(Event):
    """A network or a session exceeds a rate; reported once a minute for each kind of request (`what`)."""

    name = "excess_rate_limit_exceeded"
    level = "warning"
    what: str
    retry_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused(Event):
    """A request was refused as cross-site before anything was read."""

    name = "malicious_csrf"
    level = "warning"
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRefused(Event):
    """An endpoint of the gate refused an access token (ASVS 16.3.2)."""

    name = "authz_fail"
    path: str
