"""Every setting: its name without the prefix, its type and its default."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from gatepass.core.claims import Tokens
from gatepass.core.keyring import Algorithm
from gatepass.core.policy import Policy, RegistrationMode, SecondFactor
from gatepass.core.webauthn import UserVerification
from gatepass.environment import PREFIX
from gatepass.mail.options import Mail
from gatepass.server.limits import Limits
from gatepass.settings.values import Duration, KeyIds, LimitRate, MaxAge, Moment, Names, SwitchedDuration
from gatepass.stores import DEFAULT_STORE
from gatepass.wire.browsers import Browsers, DeviceBound
from gatepass.wire.cookies import SameSite
from gatepass.wire.origin import Hsts
from gatepass.wire.pages import Pages

_POLICY, _TOKENS, _BROWSERS, _LIMITS, _MAIL, _PAGES = Policy(), Tokens(), Browsers(), Limits(), Mail(), Pages()
"""Each group of options holds its defaults, once."""


class Fields(BaseSettings):
    """The settings as they are written."""

    # Empty counts as not given: compose files and charts write the names that they have no value for.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    secret: SecretStr | None = None
    secret_file: Path | None = None
    retired_key_ids: KeyIds = ()
    revocation_feed_secret: SecretStr | None = None
    pepper: SecretStr | None = None
    public_url: str | None = None
    store: SecretStr = SecretStr(DEFAULT_STORE)
    sessions: SecretStr | None = None
    testing: bool = False

    access_ttl: Duration = _POLICY.access_ttl
    refresh_ttl: Duration = _POLICY.refresh_ttl
    session_ttl: Duration = _POLICY.session_ttl
    sessions_not_before: Moment = _POLICY.sessions_not_before
    leeway: Duration = _POLICY.leeway
    clock_skew: Duration = _POLICY.clock_skew
    link_ttl: Duration = _POLICY.link_ttl
    password_min: int = _POLICY.password_min
    password_max: int = _POLICY.password_max
    registration: RegistrationMode = _POLICY.registration
    mail_codes: bool = _POLICY.mail_codes
    sessions_per_account: int = _POLICY.sessions_per_account
    recent_sign_in: SwitchedDuration = _POLICY.recent_sign_in
    second_factor: SecondFactor = _POLICY.second_factor
    second_factor_grace: Duration = _POLICY.second_factor_grace
    factor_recovery_wait: SwitchedDuration = _POLICY.factor_recovery_wait

    issuer: str | None = _TOKENS.issuer
    audience: str | None = _TOKENS.audience
    client_id: str = _TOKENS.client_id
    algorithm: Algorithm = _TOKENS.algorithm
    claims_timeout: Duration = _TOKENS.claims_timeout
    max_token_length: int = _TOKENS.max_token_length
    email_verified_claim: bool = _TOKENS.email_verified_claim
    link_claims: Names = _TOKENS.link_claims

    origins: Names = ()
    cookie_path: str = _BROWSERS.cookie_path
    earlier_cookie_path: str | None = _BROWSERS.earlier_cookie_path
    same_site: SameSite = _BROWSERS.same_site
    device_bound: DeviceBound = _BROWSERS.device_bound
    hsts: Hsts | None = _BROWSERS.hsts
    trusted_proxies: Names = ()
    private_clients: bool = _BROWSERS.private_clients

    pages: bool = False
    page_ttl: Duration | None = _PAGES.page_ttl
    sign_in_page: str | None = _PAGES.sign_in_page
    auth_path: str = _PAGES.auth_path

    passkey_rp_id: str | None = None
    passkey_service: str | None = None
    passkey_origins: Names = ()
    passkey_user_verification: UserVerification = "required"

    mail: SecretStr | None = None
    mail_from: str | None = _MAIL.sender
    security_mail: bool = _MAIL.security_mail
    verify_url: str = _MAIL.pages.verify_url
    reset_url: str = _MAIL.pages.reset_url
    email_url: str = _MAIL.pages.email_url
    recovery_url: str = _MAIL.pages.recovery_url
    verify_ttl: Duration = _MAIL.pages.verify_ttl
    reset_ttl: Duration = _MAIL.pages.reset_ttl

    refresh_rate: LimitRate = _LIMITS.refresh_rate
    address_refresh_rate: LimitRate = _LIMITS.address_refresh_rate
    registration_rate: LimitRate = _LIMITS.registration_rate
    provider_rate: LimitRate = _LIMITS.provider_rate
    passkey_rate: LimitRate = _LIMITS.passkey_rate
    mail_code_rate: LimitRate = _LIMITS.mail_code_rate
    sign_ins_at_once: int = _LIMITS.sign_ins_at_once
    hashing_queue: int = _LIMITS.hashing_queue
    slow_request: Duration = _LIMITS.slow_request
    connections: int = _LIMITS.connections
    live_admission: Duration = _LIMITS.live_admission
    live_waiting: int = _LIMITS.live_waiting
    live_grace: Duration = _LIMITS.live_grace
    revocation_max_age: MaxAge = _LIMITS.revocation_max_age
