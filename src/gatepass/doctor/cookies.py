"""Checks of the cookies from outside: whether they arrive as they were sent, and whether browsers send them back."""

from collections.abc import Sequence

from gatepass.doctor.finding import Finding, error, ok
from gatepass.settings import Settings
from gatepass.wire.cookies import Cookies


def check_cookies(settings: Settings, *, status: int, arrived: Sequence[str]) -> Finding:
    """About the response to a sign-out without a session, which clears the cookies: their names and attributes."""
    cookies = Cookies.for_url(settings.public_url or "", path=settings.cookie_path, same_site=settings.same_site)
    name = cookies.place.names.refresh
    ours = next((cookie for cookie in arrived if cookie.startswith(name + "=")), None)
    if status != 204 or ours is None:
        return error("cookies", f"The server does not set {name}.", "Run it with these settings, PUBLIC_URL above all.")
    attributes = {part.strip().partition("=")[0].lower() for part in ours.split(";")[1:]}
    if "httponly" not in attributes or (cookies.secure and "secure" not in attributes) or "domain" in attributes:
        return error(
            "cookies", "A proxy changes the attributes of the cookies.", "Switch off its rewriting of cookies."
        )
    return ok("cookies", f"{name} arrives as it was sent.")


def check_cookie_path(settings: Settings, mount: str) -> Finding:
    """Whether browsers send the refresh cookie to the endpoints, which they reach below `mount` (RFC 6265 §5.1.4)."""
    path = settings.cookie_path
    if f"{mount}/".startswith(f"{path.rstrip('/')}/"):
        return ok("cookies", f"COOKIE_PATH is {path}: browsers send the refresh cookie to {mount}.")
    return error(
        "cookies",
        f"COOKIE_PATH is {path}, and the endpoints are at {mount}: browsers never send them the refresh cookie.",
        f"Set GATEPASS_COOKIE_PATH to {mount} or to a path above it, such as /.",
    )
