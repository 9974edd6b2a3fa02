"""GATEPASS_*: what an operator sets (DESIGN §6). Nothing is read at import; all faults are told at once.

The environment counts, then the file `gatepass.env` in the working directory (written by `gatepass init`).
An unknown name is a fault with a suggestion: a misspelt security setting must not be silently ignored.
"""

import difflib
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, DotEnvSettingsSource, NoDecode, SettingsConfigDict

from gatepass.accounts.passwords.hashing import Pepper
from gatepass.accounts.registration import Mode, check_mode
from gatepass.core.keyring import Algorithm, KeyRing, parse_secret
from gatepass.core.policy import DAY, HOUR, MINUTE, Policy
from gatepass.core.rate import Rate
from gatepass.errors import ConfigurationError
from gatepass.mail import LinkPages, Mail
from gatepass.server.limits import Limits
from gatepass.wire.device import parse_networks
from gatepass.wire.origin import check_public_url, foreign_origin

PREFIX = "GATEPASS_"
ENV_FILE = "gatepass.env"
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


def _parse_rate(text: object) -> object:
    return Rate.parse(text) if isinstance(text, str) else text


Duration = Annotated[int, BeforeValidator(parse_duration)]
LimitRate = Annotated[Rate, NoDecode, BeforeValidator(_parse_rate)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """The settings of a gate, as read. `arguments()` are those of Gatepass(...)."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True)

    secret: SecretStr | None = None
    secret_file: Path | None = None
    public_url: str | None = None
    store: str = "sqlite:///gatepass.db"
    sessions: str | None = None
    issuer: str | None = None
    audience: str | None = None
    client_id: str = Field(default="gatepass", min_length=1)
    algorithm: Algorithm = "EdDSA"
    origins: Names = ()
    access_ttl: Duration = 15 * MINUTE
    refresh_ttl: Duration = 7 * DAY
    session_ttl: Duration = 30 * DAY
    leeway: Duration = 10
    registration: Mode = "open"
    mail: SecretStr | None = None
    mail_from: str | None = None
    security_mail: bool = Mail().security_mail
    verify_url: str = LinkPages().verify_url
    reset_url: str = LinkPages().reset_url
    email_url: str = LinkPages().email_url
    verify_ttl: Duration = LinkPages().verify_ttl
    reset_ttl: Duration = LinkPages().reset_ttl
    pepper: SecretStr | None = None
    cookie_path: str = "/"
    same_site: Literal["strict", "lax", "none"] = "strict"
    hsts: Literal["subdomains", "host", "off"] = "subdomains"
    trusted_proxies: Names = ()
    revocation_feed_secret: SecretStr | None = None
    revocation_max_age: Annotated[float, BeforeValidator(parse_max_age)] = 30.0
    password_min: int = 15
    password_max: int = 128
    sessions_per_account: int = 100
    recent_sign_in: Annotated[int, BeforeValidator(_parse_switched)] = 0
    refresh_rate: LimitRate = Limits().refreshes
    address_refresh_rate: LimitRate = Limits().refreshes_by_address
    registration_rate: LimitRate = Limits().registrations
    sign_ins_at_once: int = Field(default=Limits().sign_ins_at_once, ge=1)
    hashing_queue: int = Field(default=64, ge=1, le=10_000)
    slow_request: Duration = Limits().slow_request
    connections: int = Field(default=Limits().connections, ge=1)

    @classmethod
    def load(cls, *, env_file: Path | None = None, public_url: str | None = None) -> Self:
        """Read the environment and the settings file. `public_url` is the default where none is set.

        Raises ConfigurationError that lists every fault.
        """
        file = env_file or Path(ENV_FILE)
        if env_file is not None and not env_file.is_file():
            raise ConfigurationError(f"There is no settings file {env_file}.")
        faults = _unknown_names(cls, file)
        try:
            settings = cls(_env_file=file)  # type: ignore[call-arg]
        except ValidationError as invalid:
            faults += [_sentence(fault) for fault in invalid.errors()]
            # On with the defaults in their place, to find the other faults too.
            wrong = {str(fault["loc"][0]) for fault in invalid.errors()}
            defaults = {name: cls.model_fields[name].default for name in wrong}
            settings = cls(_env_file=file, **defaults)  # type: ignore[call-arg]
        if settings.public_url is None and public_url is not None:
            settings = settings.model_copy(update={"public_url": public_url})
        faults += settings._gaps() + settings._misfits()
        if faults:
            raise ConfigurationError("\n".join(faults))
        return settings

    def arguments(self) -> dict[str, Any]:
        """The arguments of Gatepass(...) that these settings mean."""
        return {
            "secrets": self._secrets(),
            "public_url": self.public_url,
            "policy": self._policy(),
            "revocation_feed_secrets": self._feed_secrets(),
            "limits": self._limits(),
            "mail": self.mail.get_secret_value() if self.mail else None,
            "pages": self._pages(),
            "peppers": _parts(self.pepper.get_secret_value() if self.pepper else ""),
            **{
                name: getattr(self, name)
                for name in (
                    "store",
                    "sessions",
                    "issuer",
                    "audience",
                    "client_id",
                    "algorithm",
                    "origins",
                    "registration",
                    "mail_from",
                    "security_mail",
                    "cookie_path",
                    "same_site",
                    "hsts",
                    "trusted_proxies",
                    "revocation_max_age",
                    "hashing_queue",
                )
            },
        }

    def _gaps(self) -> list[str]:
        """What is missing, and what to run."""
        gaps = []
        if self.public_url is None:
            gaps.append(f"{PREFIX}PUBLIC_URL is not set: the https address that browsers use.")
        if self.secret is not None and self.secret_file is not None:
            gaps.append(f"Set {PREFIX}SECRET or {PREFIX}SECRET_FILE, not both.")
        elif self.secret is None and self.secret_file is None:
            gaps.append(f"{PREFIX}SECRET is not set. Make one with: gatepass init")
        elif self.secret_file is not None and not self.secret_file.is_file():
            gaps.append(f"{PREFIX}SECRET_FILE: there is no file {self.secret_file}. Make one with: gatepass init")
        return gaps

    def _misfits(self) -> list[str]:
        """What the types allow and a gate does not: the checks of Gatepass(...), all of them."""
        trials: dict[str, Callable[[], object]] = {"ORIGINS": lambda: [foreign_origin(o) for o in self.origins]}
        trials["TRUSTED_PROXIES"] = lambda: parse_networks(self.trusted_proxies)
        if self.public_url is not None:
            url = self.public_url
            trials["PUBLIC_URL"] = lambda: check_public_url(url)
        if not (self.secret is None and (self.secret_file is None or not self.secret_file.is_file())):
            trials["SECRET"] = lambda: KeyRing([parse_secret(text) for text in self._secrets()])
        trials["REVOCATION_FEED_SECRET"] = lambda: [parse_secret(text) for text in self._feed_secrets()]
        trials["PEPPER"] = lambda: Pepper(_parts(self.pepper.get_secret_value() if self.pepper else ""))
        trials["VERIFY_URL, RESET_URL, EMAIL_URL, VERIFY_TTL, RESET_TTL"] = self._pages
        mail = self.mail.get_secret_value() if self.mail else None
        trials["MAIL, MAIL_FROM"] = lambda: Mail(mail, sender=self.mail_from)
        trials["REGISTRATION"] = lambda: check_mode(self.registration, sends_mail=mail is not None)
        numbers = "ACCESS_TTL, REFRESH_TTL, SESSION_TTL, LEEWAY, PASSWORD_MIN, PASSWORD_MAX, SESSIONS_PER_ACCOUNT"
        trials[f"{numbers}, RECENT_SIGN_IN"] = self._policy
        trials["SLOW_REQUEST"] = self._limits
        faults = []
        for name, trial in trials.items():
            try:
                trial()
            except ConfigurationError as fault:
                faults.append(f"{PREFIX}{name}: {fault}")
        return faults

    def _pages(self) -> LinkPages:
        return LinkPages(
            verify_url=self.verify_url,
            reset_url=self.reset_url,
            email_url=self.email_url,
            verify_ttl=self.verify_ttl,
            reset_ttl=self.reset_ttl,
        )

    def _policy(self) -> Policy:
        return Policy(
            access_ttl=self.access_ttl,
            refresh_ttl=self.refresh_ttl,
            session_ttl=self.session_ttl,
            leeway=self.leeway,
            password_min=self.password_min,
            password_max=self.password_max,
            sessions_per_account=self.sessions_per_account,
            recent_sign_in=self.recent_sign_in,
        )

    def _limits(self) -> Limits:
        return Limits(
            refreshes=self.refresh_rate,
            refreshes_by_address=self.address_refresh_rate,
            registrations=self.registration_rate,
            sign_ins_at_once=self.sign_ins_at_once,
            slow_request=self.slow_request,
            connections=self.connections,
        )

    def _feed_secrets(self) -> list[str]:
        return _parts(self.revocation_feed_secret.get_secret_value() if self.revocation_feed_secret else "")

    def _secrets(self) -> list[str]:
        if self.secret_file is not None:
            try:
                text = self.secret_file.read_text("ascii", errors="replace")
            except OSError as fault:
                raise ConfigurationError(f"cannot read {self.secret_file}: {fault.strerror}") from None
        else:
            text = self.secret.get_secret_value() if self.secret else ""
        return _parts(text)


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text) if part]


def _unknown_names(model: type[BaseSettings], file: Path) -> list[str]:
    known = {PREFIX + name.upper() for name in model.model_fields}
    in_file = DotEnvSettingsSource(model, env_file=file).env_vars if file.is_file() else {}
    names = {name.upper() for name in (*os.environ, *in_file) if name.upper().startswith(PREFIX)}
    faults = []
    for name in sorted(names - known):
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        faults.append(f"{name} is not a setting.{hint}")
    return faults


def _sentence(fault: Any) -> str:
    name = PREFIX + "_".join(str(part) for part in fault["loc"]).upper()
    return f"{name}: {fault['msg'].removeprefix('Value error, ')}."
