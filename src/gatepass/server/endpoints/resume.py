"""`GET /resume?next=/path`: the resume page, for a person whose page cookie has run out (PROTOCOL §10).

A server that renders pages cannot refresh: only the browser has the key. So the guard sends the browser here, the
script refreshes with the key, which brings a new page cookie, and goes on to `next`; or to the page where people sign
in, with the reason. Everything is of this origin, and nothing stands in the page that came with the request.
"""

from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

from gatepass.errors import BadRequest
from gatepass.problem_codes import ProblemCode
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.texts import LANGUAGES, language_of, texts_in
from gatepass.wire.cookie_names import CookieNames
from gatepass.wire.pages import Pages, is_next

FILE = Path(__file__).with_name("resume.js")
HTML = "text/html; charset=utf-8"
POLICY = (
    b"default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'self'; require-trusted-types-for 'script'"
)
_SIGN_IN = '<p><a href="{}">{}</a></p>'
_PAGE = """<!doctype html>
<html lang="{language}" data-sign-in="{sign_in}" data-resumed="{resumed}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>{title}</title>
<script type="module" src="resume.js"></script>
<main>
<p id="resuming" data-says role="status">{resuming}</p>
<p id="waiting" data-says role="status" hidden>{waiting}</p>
<p id="unreachable" data-says role="alert" hidden>{unreachable} <a href="">{again}</a></p>
<p id="ended" data-says role="alert" hidden>{ended}</p>
<noscript>
<p>{needs_script}</p>
{link}
</noscript>
</main>
</html>
"""


async def get_page(context: Context, request: Request) -> Reply:
    """The page that refreshes with the key of the browser and goes on to `next`.

    Raises BadRequest unless `next` is a plain path of this origin.
    """
    query = parse_qs(request.scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    if len(found := query.get("next", [])) != 1 or not is_next(found[0]):
        raise BadRequest(
            ProblemCode.MALFORMED_REQUEST, "next must be given once, as a path of this origin, such as /notes."
        )
    language = language_of(request.headers.first(b"accept-language"))
    facts = [("content-language", language), ("vary", "Accept-Language")]
    return Reply(200, context.resume_pages[language], media_type=HTML, content_policy=POLICY, headers=facts)


async def get_script(_context: Context, _request: Request) -> Reply:
    """The script of that page."""
    return Reply(200, _script(), media_type="text/javascript; charset=utf-8", cache="public, max-age=300")


def write_pages(pages: Pages, names: CookieNames) -> Mapping[str, bytes]:
    """The page of one gate, by language: the same for every request, as the script reads `next` from the address."""
    return {language: _write_page(pages, names, language) for language in LANGUAGES}


def _write_page(pages: Pages, names: CookieNames, language: str) -> bytes:
    words = {name: escape(text) for name, text in texts_in(language).resume.items()}
    address = escape(pages.sign_in_page or "")
    link = _SIGN_IN.format(address, words["sign_in"]) if address else ""
    facts = {**words, "sign_in": address, "resumed": escape(names.resumed), "link": link, "language": language}
    return _PAGE.format_map(facts).encode()


@cache
def _script() -> bytes:
    return FILE.read_bytes()


ENDPOINTS = (
    Endpoint(
        "GET",
        "/resume",
        get_page,
        name="resumePage",
        done={200: "Page"},
        problems={400: "malformed-request"},
        query={"next": "A path of this origin", "optional": "Go on to it also without a session"},
        by_navigation=True,
        media_type="text/html",
        stateless=True,
    ),
    Endpoint(
        "GET",
        "/resume.js",
        get_script,
        name="getResumeScript",
        done={200: "Script"},
        media_type="text/javascript",
        stateless=True,
    ),
)
