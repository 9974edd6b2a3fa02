"""GATEPASS_*: what an operator sets (docs/reference/settings.md). Nothing is read at import; all faults at once.

The environment counts, then the file `gatepass.env` in the working directory (written by `gatepass init`).
An unknown name is a fault with a suggestion: a misspelt security setting must not be silently ignored.
"""

import math
import re
from collections.abc import Callable, Collection
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gatepass.accounts.registration import check_mode
from gatepass.core.claims import Tokens
from gatepass.core.keyring import Algorithm, Secrets
from gatepass.core.policy import DAY, HOUR, MINUTE, Policy, RegistrationMode, SecondFactor
from gatepass.core.rate import Rate
from gatepass.core.webauthn import UserVerification
from gatepass.environment import PREFIX, bare_names, has_file, overridden_names, read_file, read_names, unknown_names
from gatepass.errors import ConfigurationError
from gatepass.factors.options import Passkeys
from gatepass.mail.link_pages import LinkPages
from gatepass.mail.options import Mail
from gatepass.oidc.environment import is_of_provider, near_miss, read_providers
from gatepass.oidc.options import Provider
from gatepass.server.limits import Limits
from gatepass.server.testing import check_testing
from gatepass.stores import DEFAULT_STORE, open_store
from gatepass.wire.browsers import Browsers, DeviceBound
from gatepass.wire.cookies import SameSite
from gatepass.wire.origin import Hsts, Origins
from gatepass.wire.pages import Pages

ENV_FILE = "gatepass.env"
_OTHER_NAMES = {
    "secrets": "secret",
    "feed": "revocation_feed_secret",
    "peppers": "pepper",
    "mailer": "mail",
    "sender": "mail_from",
}
"""The options whose setting has another name."""
_POLICY, _TOKENS, _BROWSERS, _LIMITS, _MAIL, _PAGES = Policy(), Tokens(), Browsers(), Limits(), Mail(), Pages()
"""Each group of options holds its defaults, once."""
_PASSKEYS = {"passkey_rp_id", "passkey_rp_name", "passkey_origins", "passkey_user_verification"}
"""The settings of the one group whose options have shorter names in code."""
_UNITS = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY}


def parse_duration(text: object) -> object:
    """`30s`, `15m`, `12h`, `7d` as seconds; a number is one already."""
    if isinstance(text, int):
        return text
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError("a duration is a number and a unit: 30s, 15m, 12h or 7d")
    return int(match[1]) * _UNITS[match[2]]


def _split(text: object) -> object:
    return tuple(part.strip() for part in text.split(",") if part.strip()) if isinstance(text, str) else text


def parse_max_age(text: object) -> object:
    """A duration, or `never`."""
    return math.inf if text == "never" else parse_duration(text) if isinstance(text, str) else text


def _parse_switched(text: object) -> object:
    """A duration, or `off`, which is none."""
    return 0 if text == "off" else parse_duration(text)


def parse_moment(text: object) -> int:
    """A time as Unix seconds: 2026-11-29T12:00:00Z (ISO 8601, UTC unless it says otherwise), or the seconds themselves.

    Raises ValueError.
    """
    if isinstance(text, int):
        return text
    try:
        if not isinstance(text, str) or text.isdecimal():
            return int(str(text))
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("a time is such as 2026-11-29T12:00:00Z, or Unix seconds") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _parse_rate(text: object) -> object:
    return Rate.parse(text) if isinstance(text, str) else text


Duration = Annotated[int, BeforeValidator(parse_duration)]
Moment = Annotated[int, BeforeValidator(parse_moment)]
LimitRate = Annotated[Rate, NoDecode, BeforeValidator(_parse_rate)]
SwitchedDuration = Annotated[int, BeforeValidator(_parse_switched)]
MaxAge = Annotated[float, BeforeValidator(parse_max_age)]
KeyIds = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_split)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """The settings of a gate, as read. `arguments()` are those of Gatepass(...)."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True)

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
    sessions_per_account: int = _POLICY.sessions_per_account
    recent_sign_in: SwitchedDuration = _POLICY.recent_sign_in
    second_factor: SecondFactor = _POLICY.second_factor
    second_factor_grace: Duration = _POLICY.second_factor_grace

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
    passkey_rp_name: str | None = None
    passkey_origins: Names = ()
    passkey_user_verification: UserVerification = "required"

    mail: SecretStr | None = None
    mail_from: str | None = _MAIL.sender
    security_mail: bool = _MAIL.security_mail
    verify_url: str = _MAIL.pages.verify_url
    reset_url: str = _MAIL.pages.reset_url
    email_url: str = _MAIL.pages.email_url
    verify_ttl: Duration = _MAIL.pages.verify_ttl
    reset_ttl: Duration = _MAIL.pages.reset_ttl

    refresh_rate: LimitRate = _LIMITS.refresh_rate
    address_refresh_rate: LimitRate = _LIMITS.address_refresh_rate
    registration_rate: LimitRate = _LIMITS.registration_rate
    provider_rate: LimitRate = _LIMITS.provider_rate
    passkey_rate: LimitRate = _LIMITS.passkey_rate
    sign_ins_at_once: int = _LIMITS.sign_ins_at_once
    hashing_queue: int = _LIMITS.hashing_queue
    slow_request: Duration = _LIMITS.slow_request
    connections: int = _LIMITS.connections
    live_admission: Duration = _LIMITS.live_admission
    live_waiting: int = _LIMITS.live_waiting
    live_grace: Duration = _LIMITS.live_grace
    revocation_max_age: MaxAge = _LIMITS.revocation_max_age

    _providers: tuple[Provider, ...] = PrivateAttr(())

    @classmethod
    def load(cls, *, env_file: Path | None = None, public_url: str | None = None, given: Collection[str] = ()) -> Self:
        """Read the environment and the settings file. `public_url` is the default where none is set.

        `given` names the arguments of Gatepass(...) that are set in code: their settings may be missing, and are not
        checked. Raises ConfigurationError that lists every fault.
        """
        file = env_file or Path(ENV_FILE)
        if env_file is not None and not has_file(env_file):
            raise ConfigurationError(f"There is no settings file {env_file}.")
        in_file = read_file(file)
        known = [PREFIX + name.upper() for name in cls.model_fields]
        names = read_names(in_file)
        misspelt = [fault for name in sorted(names) if (fault := near_miss(name)) is not None]
        names_of_ours = {name for name in names if not (is_of_provider(name) or near_miss(name))}
        faults = misspelt + unknown_names(names_of_ours, known)
        if file.name == ENV_FILE:  # a file of another name may have settings of other programs
            faults += bare_names(in_file, known)
        overridden = dict.fromkeys(overridden_names(("secret", "secret_file"), in_file))
        try:
            settings = cls(_env_file=file, **overridden)  # type: ignore[call-arg, arg-type]
        except ValidationError as invalid:
            faults += [_sentence(fault) for fault in invalid.errors()]
            # On with the defaults in their place, to find the other faults too.
            wrong = {str(fault["loc"][0]) for fault in invalid.errors()}
            defaults = {name: cls.model_fields[name].default for name in wrong}
            settings = cls(_env_file=file, **defaults | overridden)  # type: ignore[call-arg]
        if settings.public_url is None and public_url is not None:
            settings = settings.model_copy(update={"public_url": public_url})
        found, of_providers = read_providers(names, in_file)
        settings._providers = tuple(found)
        faults += of_providers
        faults += settings._gaps(given) + settings._hidden(given) + settings._misfits(given)
        if faults:
            raise ConfigurationError("\n".join(faults))
        return settings

    def arguments(self, *, given: Collection[str] = ()) -> dict[str, Any]:
        """The arguments of Gatepass(...) that these settings mean, without those `given` in code.

        Raises ConfigurationError.
        """
        plain = {
            "public_url": self.public_url,
            "store": self.store_url,
            "sessions": self.sessions_url,
            "testing": self.testing,
        }
        return {
            **{name: value for name, value in plain.items() if name not in given},
            **{name: make() for name, make in self._groups().items() if name not in given},
        }

    @property
    def providers(self) -> tuple[Provider, ...]:
        """The providers that settings name, in the order of their names."""
        return self._providers

    @property
    def store_url(self) -> str:
        """The URL of the store, with its password."""
        return self.store.get_secret_value()

    @property
    def sessions_url(self) -> str | None:
        """The URL of the store for sessions, with its password."""
        return _text(self.sessions) or None

    def _groups(self) -> dict[str, Callable[[], object]]:
        """Each group of options, which checks itself as it is made."""
        return {
            "secrets": self._secrets,
            "policy": lambda: Policy(**self._values(Policy)),
            "tokens": lambda: Tokens(**self._values(Tokens)),
            "browsers": lambda: Browsers(**self._values(Browsers)),
            "mail": self._mail,
            "limits": lambda: Limits(**self._values(Limits)),
            "pages": self._pages,
            "passkeys": self._passkeys,
            "providers": lambda: self._providers,
        }

    def _values(self, group: type) -> dict[str, Any]:
        """The settings that are options of a group, by the same names."""
        names = {option.name for option in fields(group)} & type(self).model_fields.keys()
        return {name: getattr(self, name) for name in names}

    def _gaps(self, given: Collection[str]) -> list[str]:
        """What is missing, and what to run."""
        gaps = []
        if self.public_url is None and "public_url" not in given:
            gaps.append(f"{PREFIX}PUBLIC_URL is not set: the https address that browsers use.")
        if "secrets" in given:
            return gaps
        if self.secret is not None and self.secret_file is not None:
            gaps.append(f"Set {PREFIX}SECRET or {PREFIX}SECRET_FILE, not both.")
        elif self.secret is None and self.secret_file is None:
            gaps.append(f"{PREFIX}SECRET is not set. Make one with: gatepass init")
        elif self.secret_file is not None and not has_file(self.secret_file):
            gaps.append(f"{PREFIX}SECRET_FILE: there is no file {self.secret_file}. Make one with: gatepass init")
        return gaps

    def _hidden(self, given: Collection[str]) -> list[str]:
        """Settings that an argument in code would silently undo: REGISTRATION=closed beside `policy`, say."""
        groups = {"policy": Policy, "tokens": Tokens, "browsers": Browsers, "limits": Limits, "mail": LinkPages}
        groups |= {"pages": Pages, "passkeys": Passkeys}
        faults = []
        for argument in sorted(groups.keys() & set(given)):
            options = {option.name for option in fields(groups[argument])}
            options |= {"mail": {"mail", "mail_from", "security_mail"}, "pages": {"pages"}}.get(argument, set())
            if argument == "passkeys":
                options = _PASSKEYS
            if names := sorted(options & self.model_fields_set):
                settings = ", ".join(f"{PREFIX}{name.upper()}" for name in names)
                faults.append(f"{settings}: `{argument}` is given in code and replaces it. Set it in one place.")
        if "providers" in given and self._providers:
            providers = ", ".join(provider.name for provider in self._providers)
            faults.append(f"{PREFIX}OIDC_… of {providers}: `providers` is given in code and replaces them.")
        return faults

    def _misfits(self, given: Collection[str]) -> list[str]:
        """What the types allow and a gate does not: every group is made once, and says what is wrong with it."""
        faults: list[str] = []
        checks: dict[tuple[str, ...], Callable[[], object]] = {
            **{(name,): make for name, make in self._groups().items()},
            ("public_url", "browsers"): self._check_url,
            ("public_url", "browsers", "passkeys"): self._check_passkeys,
            ("mail", "pages"): lambda: self._mail(LinkPages()),  # the mailer's faults, also beside one of the pages
            ("policy", "mail", "users"): self._check_registration,
            ("public_url", "store", "sessions"): self._check_testing,
            ("store",): lambda: open_store(self.store_url),  # the faults of either, also beside one of the other
            ("store", "sessions"): lambda: open_store(self.store_url, sessions=self.sessions_url),
        }
        for arguments, check in checks.items():
            if not set(arguments).isdisjoint(given):
                continue  # the gate checks it, with what was given
            try:
                check()
            except ConfigurationError as fault:
                faults += [self._in_environment(line) for line in str(fault).splitlines()]
        return list(dict.fromkeys(faults))

    def _check_url(self) -> None:
        if self.public_url is not None:
            Browsers(same_site=self.same_site).check_url(self.public_url)

    def _check_passkeys(self) -> None:
        passkeys = self._passkeys()
        if passkeys is not None and self.public_url is not None:
            self._check_url()
            passkeys.expected(Origins.of(self.public_url, Browsers(**self._values(Browsers)).origins))

    def _check_registration(self) -> None:
        check_mode(self.registration, sends_mail=self.mail is not None)

    def _check_testing(self) -> None:
        if self.testing and self.public_url is not None:
            check_testing(self.public_url, self.store_url, self.sessions_url)

    def _in_environment(self, sentence: str) -> str:
        """A fault of a group, with the environment's names for its options."""
        return re.sub(r"`([a-z_]+)`", lambda option: self._name_of(option[1]), sentence)

    def _name_of(self, option: str) -> str:
        name = _OTHER_NAMES.get(option, option)
        return f"{PREFIX}{name.upper()}" if name in type(self).model_fields else f"`{option}`"

    def _mail(self, pages: LinkPages | None = None) -> Mail:
        pages = pages or LinkPages(**self._values(LinkPages))
        return Mail(_text(self.mail) or None, sender=self.mail_from, pages=pages, security_mail=self.security_mail)

    def _pages(self) -> Pages | None:
        pages = Pages(**self._values(Pages))
        if not self.pages and (named := sorted(self.model_fields_set & {"page_ttl", "sign_in_page", "auth_path"})):
            raise ConfigurationError(f"`{named[0]}` is for page cookies, which are off: set `pages` on too.")
        return pages if self.pages else None

    def _passkeys(self) -> Passkeys | None:
        if self.passkey_rp_id is None:
            if named := sorted(self.model_fields_set & _PASSKEYS):
                raise ConfigurationError(f"`{named[0]}` is for passkeys, which are off: set `passkey_rp_id` too.")
            return None
        return Passkeys(
            rp_id=self.passkey_rp_id,
            rp_name=self.passkey_rp_name,
            origins=self.passkey_origins,
            user_verification=self.passkey_user_verification,
        )

    def _secrets(self) -> Secrets | None:
        if self.secret is None and (self.secret_file is None or not has_file(self.secret_file)):
            return None  # told already, as a gap
        return Secrets(
            tokens=_parts(self._secret_text()),
            feed=_parts(_text(self.revocation_feed_secret)),
            peppers=_parts(_text(self.pepper)),
            retired_key_ids=self.retired_key_ids,
        )

    def _secret_text(self) -> str:
        if self.secret_file is None:
            return _text(self.secret)
        try:
            return self.secret_file.read_text("ascii", errors="replace")
        except OSError as fault:
            raise ConfigurationError(f"`secret_file`: cannot read {self.secret_file}: {fault.strerror}") from None


def _text(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text) if part]


def _sentence(fault: Any) -> str:
    name = PREFIX + "_".join(str(part) for part in fault["loc"]).upper()
    return f"{name}: {fault['msg'].removeprefix('Value error, ')}."
