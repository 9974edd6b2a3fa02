"""Whether a person opens a page by a request, so that another page may be the answer to it.

    Sec-Fetch-Mode: navigate                            a page is opened
    Sec-Fetch-Mode: cors, no-cors …                     a script, an image
    without it, Accept: text/html,…,*/*;q=0.8           a page is opened, by a browser that does not say more
    without it, Accept: */*, or no Accept               a program: curl, httpx, a health check, a preview of a link

Every browser names what it shows when it opens a page (Fetch §4.1, "document"), and says the mode too on https and on
loopback hosts (Fetch Metadata §2.3). A program that takes anything could not use the page for people: it would follow
the redirect, and take a sign-in page with a 200 for its answer. Spring Security leaves `*/*` out for the same reason.
Devise counts it as a browser's, for Internet Explorer.
"""

from gatepass.wire.headers import Headers

_PAGES = ("text/html", "application/xhtml+xml")


def is_navigation(headers: Headers) -> bool:
    """Whether the request shows a page to a person, as far as its headers say."""
    mode = headers.first(b"sec-fetch-mode")
    if mode is not None:
        return mode == "navigate"
    if b"hx-request" in headers or b"x-requested-with" in headers:
        return False
    return any(_is_page(each) for each in ",".join(headers.all(b"accept")).lower().split(","))


def _is_page(media_range: str) -> bool:
    """Whether one range of an Accept header is of pages, and wanted: `q=0` says that it is not (RFC 9110 §12.4.2)."""
    kind, *parameters = (part.strip() for part in media_range.split(";"))
    return kind in _PAGES and not any(each.startswith("q=0") and not each.strip("q=0.") for each in parameters)
