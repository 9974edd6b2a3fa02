"""Where mailed links lead: pages of the application, never an address that a request named (no Host header)."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from gatepass.core.mailed_link import Purpose
from gatepass.core.policy import DAY, HOUR, MINUTE
from gatepass.errors import ConfigurationError
from gatepass.wire.origin import is_loopback, origin_of

MARK = "{token}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPages:
    """Where links lead, as URLs with one `{token}`, and how long they hold (seconds).

    The token stands in the fragment by default: browsers send that to no server, so it is in no log and no Referer.
    """

    verify: str
    reset: str
    change_email: str
    verify_ttl: int = DAY
    reset_ttl: int = HOUR // 2

    @classmethod
    def of(
        cls,
        public_url: str,
        *,
        verify: str | None = None,
        reset: str | None = None,
        change_email: str | None = None,
        verify_ttl: int = DAY,
        reset_ttl: int = HOUR // 2,
    ) -> "LinkPages":
        """Pages of the public URL's own origin where none are given. Raises ConfigurationError."""
        own = origin_of(public_url)
        return cls(
            verify=_page("VERIFY_URL", verify or f"{own}/verify#token={MARK}"),
            reset=_page("RESET_URL", reset or f"{own}/reset#token={MARK}"),
            change_email=_page("EMAIL_URL", change_email or f"{own}/email#token={MARK}"),
            verify_ttl=_ttl("VERIFY_TTL", verify_ttl, longest=7 * DAY),
            reset_ttl=_ttl("RESET_TTL", reset_ttl, longest=DAY),
        )

    def url(self, purpose: Purpose, token: str) -> str:
        """The link with its token in it."""
        pages = {Purpose.VERIFY: self.verify, Purpose.RESET: self.reset, Purpose.CHANGE_EMAIL: self.change_email}
        return pages[purpose].replace(MARK, token)

    def ttl(self, purpose: Purpose) -> int:
        """How long a link for this holds."""
        return self.reset_ttl if purpose is Purpose.RESET else self.verify_ttl


def need_mail() -> None:
    """Raise ConfigurationError: there is no mailer, and it takes one."""
    raise ConfigurationError("verify needs mail: set MAIL to smtps://user:password@host (console for development).")


def _page(name: str, url: str) -> str:
    host = urlsplit(url).netloc
    if url.count(MARK) != 1 or MARK in host or not url.isprintable() or " " in url:
        raise ConfigurationError(
            f"{name} must be a URL with {MARK} once, after its host: https://host/page#token={MARK}"
        )
    if origin_of(url.replace(MARK, "")).startswith("http:") and not is_loopback(url):
        raise ConfigurationError(f"{name} must be https: a link opens an account.")
    return url


def _ttl(name: str, seconds: int, *, longest: int) -> int:
    if not 5 * MINUTE <= seconds <= longest:
        raise ConfigurationError(f"{name} must be 5 minutes to {longest // DAY} d.")
    return seconds
