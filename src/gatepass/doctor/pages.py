"""Checks of page cookies: what a copied one is good for, and whether the resume page is where guards send people."""

from collections.abc import Iterator

from gatepass.core.policy import HOUR, MINUTE
from gatepass.doctor.finding import Finding, advice, error, ok
from gatepass.settings import Settings
from gatepass.wire.cookies import Cookies


def check_pages(settings: Settings) -> Iterator[Finding]:
    """Findings about the settings; none where there are no page cookies."""
    if not settings.pages:
        return
    name = Cookies.for_url(settings.public_url or "", path=settings.cookie_path).place.names.page
    ttl = settings.page_ttl or settings.access_ttl
    if ttl > HOUR:
        yield advice(
            "pages",
            f"PAGE_TTL is {ttl // MINUTE} minutes: who copies the cookie {name} reads rendered pages for so long.",
            "Shorten it: a page whose cookie has run out is resumed without a sign-in.",
        )
    else:
        yield ok("pages", f"{name}: HttpOnly, SameSite=Lax, for {ttl // MINUTE} minutes, for GET and HEAD.")
    if settings.sign_in_page is None:
        yield advice(
            "pages",
            "SIGN_IN_PAGE is not set: a person who is signed out gets a 401 in place of a page that needs one.",
            "Set GATEPASS_SIGN_IN_PAGE to the path of the page where people sign in.",
        )
    if settings.same_site == "none":
        yield advice(
            "pages",
            "SAME_SITE is none, and the page cookie is Lax all the same: a server of another site never gets it.",
            "Render on the host of PUBLIC_URL, or let that server pass /auth on under its own host.",
        )


def check_resume_page(settings: Settings, status: int, media_type: str) -> Finding:
    """About the response to `GET /resume`, from outside."""
    path = f"{settings.auth_path.rstrip('/')}/resume"
    if status == 200 and media_type.startswith("text/html"):
        return ok("pages", f"{path} has the resume page.")
    return error(
        "pages",
        f"{path} has no resume page (status {status}): people whose page cookie has run out end there.",
        "Set GATEPASS_AUTH_PATH to the path at which browsers reach the auth endpoints, and PAGES=on at this server.",
    )
