"""How long things live, how strict sign-in is, and who may register: one frozen value with three presets.

Two policies may live in one process (an application and its administration), so nothing here is global.
All durations are whole seconds.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from gatepass.errors import ConfigurationError

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LONGEST_LINK = 12 * HOUR
"""Seconds: a film and its pauses. The holder of a link can read its path for so long."""

RegistrationMode = Literal["open", "verify", "closed"]
SecondFactor = Literal["off", "optional", "required"]


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers of PROTOCOL §2, §4 and §7. An impossible combination raises ConfigurationError."""

    access_ttl: int = 15 * MINUTE
    """Life of an access token: 1 to 60 minutes (RFC 6750 §5.3); the demo alone goes below."""
    refresh_ttl: int = 7 * DAY
    """Idle limit: a refresh token not used for this long ends the session."""
    session_ttl: int = 30 * DAY
    """Absolute limit from sign-in, whatever the activity (NIST SP 800-63B-4 §2.1.3: at most 30 days)."""
    leeway: int = 10
    """How long after a refresh a repeat of it still brings an access token (PROTOCOL §4)."""
    clock_skew: int = 5
    """How far the clocks of two servers may differ: when exp and nbf are checked (RFC 9068 §4: small), and when the
    leeway is counted."""
    link_ttl: int = 10 * MINUTE
    """Life of a link to one path (PROTOCOL §10). It dies earlier with its session."""
    password_min: int = 15
    """Code points. 15 because the password is the only factor (NIST SP 800-63B-4 §3.1.1.2)."""
    password_max: int = 128
    """Code points; longer ones are refused, never cut."""
    registration: RegistrationMode = "open"
    """`open`: an account begins at once. `verify`: with the link in a mail. `closed`: by an administrator."""
    mail_codes: bool = False
    """Whether a code by mail signs in. Never a second factor (NIST SP 800-63B-4 §3.1.3.1)."""
    sessions_per_account: int = 100
    """Live sessions of one account; a sign-in beyond that ends the least recently used ones. 0: no limit."""
    recent_sign_in: int = 0
    """Ending another of one's sessions needs a sign-in not longer ago than this (ASVS 7.5.2). 0: it never matters."""
    second_factor: SecondFactor = "optional"
    """`optional`: asked of accounts that have one. `required`: of all, after the time to enrol. `off`: of none."""
    second_factor_grace: int = 7 * DAY
    """From the first sign-in that needs a second factor, how long an account may be without one. 0: no longer."""
    factor_recovery_wait: int = 3 * DAY
    """How long after a request by mail lost factors can be removed. 0: by an administrator alone."""
    sessions_not_before: int = 0
    """Sessions that began before this time (Unix seconds) are over, also after a restore. In the past; 0: none."""
    demonstration: bool = False
    """Lifts the lower bound of access_ttl so that a visitor sees an access token expire within half a minute."""

    def __post_init__(self) -> None:
        shortest = 5 if self.demonstration else MINUTE
        rules = (
            (shortest <= self.access_ttl <= HOUR, "`access_ttl` must be 1 to 60 minutes"),
            (self.access_ttl < self.refresh_ttl, "`refresh_ttl` must be longer than `access_ttl`"),
            (self.refresh_ttl <= self.session_ttl, "`session_ttl` must be at least `refresh_ttl`"),
            (
                self.session_ttl <= 400 * DAY,
                "`session_ttl` must be at most 400 days (browsers cap cookies there)",
            ),
            (0 <= self.leeway <= MINUTE, "`leeway` must be 0 to 60 seconds"),
            (0 <= self.clock_skew <= MINUTE, "`clock_skew` must be 0 to 60 seconds"),
            (MINUTE <= self.link_ttl <= LONGEST_LINK, "`link_ttl` must be 1 minute to 12 hours"),
            (8 <= self.password_min <= self.password_max, "`password_min` must be 8 to `password_max`"),
            (64 <= self.password_max <= 1024, "`password_max` must be 64 to 1024"),
            (
                self.recent_sign_in == 0 or MINUTE <= self.recent_sign_in <= self.session_ttl,
                "`recent_sign_in` must be a minute to `session_ttl`, or off (0 in code)",
            ),
            (self.registration in get_args(RegistrationMode), "`registration` must be open, verify or closed"),
            (self.second_factor in get_args(SecondFactor), "`second_factor` must be off, optional or required"),
            (0 <= self.second_factor_grace <= 400 * DAY, "`second_factor_grace` must be 0 to 400 days"),
            (
                self.factor_recovery_wait == 0 or HOUR <= self.factor_recovery_wait <= 30 * DAY,
                "`factor_recovery_wait` must be an hour to 30 days, or off (0 in code)",
            ),
            (self.sessions_per_account >= 0, "`sessions_per_account` must be at least 1, or 0 for no limit"),
        )
        faults = [text for holds, text in rules if not holds]
        if faults:
            raise ConfigurationError("; ".join(faults) + ".")

    @property
    def token_life(self) -> int:
        """Seconds for which something that was given to a client may be shown, and the end of its session matters."""
        return max(self.access_ttl, self.link_ttl)

    @classmethod
    def standard(cls) -> "Policy":
        """15-minute access tokens, a week idle, 30 days in all."""
        return cls()

    @classmethod
    def strict(cls) -> "Policy":
        """For administration: 5-minute access tokens, an hour idle, 12 hours in all."""
        return cls(access_ttl=5 * MINUTE, refresh_ttl=HOUR, session_ttl=12 * HOUR)

    @classmethod
    def demo(cls) -> "Policy":
        """30-second access tokens and 8-character passwords: for a demonstration, never for a deployment."""
        return cls(access_ttl=30, password_min=8, demonstration=True)
