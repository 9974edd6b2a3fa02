"""Whether cookies can reach where the configuration wants them: browsers drop what does not fit, without a word."""

from gatepass.errors import ConfigurationError
from gatepass.wire.cookies import SameSite
from gatepass.wire.origin import check_public_url


def check_urls(public_url: str, *, cookie_path: str, same_site: SameSite) -> None:
    """Raise ConfigurationError for a public URL, path or SameSite that do not go together."""
    check_public_url(public_url)
    if same_site == "none" and not public_url.startswith("https:"):
        raise ConfigurationError("SAME_SITE=none needs an https PUBLIC_URL: browsers drop such cookies otherwise.")
    if not cookie_path.startswith("/") or any(mark in cookie_path for mark in ";,\r\n \t"):
        raise ConfigurationError("COOKIE_PATH must be an absolute path such as / or /auth.")
