"""`GET /gatepass.js`: the browser client in one file, for pages that have no build step.

    <script type="module">import { createSession, createClient } from "/auth/gatepass.js"</script>

Wheels contain the file; a checkout builds it (`python3 run.py demo`). It comes from the server that it talks to, so
page and endpoints never differ in version for longer than the five minutes of its cache. A script that is imported as a
module is always fetched by the rules of CORS: pages of allowed foreign origins can import it, and
`Cross-Origin-Resource-Policy: same-origin` refuses only ways to load it that could not run it.
"""

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gatepass.errors import NotFound
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.wire.headers import Headers

FILE = Path(__file__).with_name("gatepass.js")
MEDIA_TYPE = "text/javascript; charset=utf-8"
CACHE = "public, max-age=300"
_REFUSED = re.compile(r"q=0(\.0{0,3})?")
_ABSENT = "This installation was built without the browser client. Install a wheel, or run: python3 run.py demo"


@dataclass(frozen=True, slots=True)
class Content:
    """One encoding of the file, and the strong validator of exactly these bytes (RFC 9110 §8.8.3)."""

    body: bytes
    tag: str
    encoding: str | None = None


async def get_script(_context: Context, request: Request) -> Reply:
    """The browser client.

    304 if the browser has exactly these bytes. Raises NotFound where the package was built without the file.
    """
    plain, zipped = _contents(FILE)
    content = zipped if _takes_gzip(request.headers) else plain
    facts = [("etag", content.tag), ("vary", "Accept-Encoding")]
    if _is_known(content.tag, request.headers):
        return Reply(304, cache=CACHE, headers=facts)
    if content.encoding:
        facts.append(("content-encoding", content.encoding))
    return Reply(200, content.body, media_type=MEDIA_TYPE, cache=CACHE, headers=facts)


@cache
def _contents(file: Path) -> tuple[Content, Content]:
    """The file as it is, and compressed. Raises NotFound, which is not cached: the file may be built later."""
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        raise NotFound(_ABSENT) from None
    mark = hashlib.sha256(text).hexdigest()[:32]
    # mtime 0: the same file is the same bytes in every process, which its tag promises.
    small = gzip.compress(text, compresslevel=9, mtime=0)
    return Content(text, f'"{mark}"'), Content(small, f'"{mark}-gzip"', encoding="gzip")


def _takes_gzip(headers: Headers) -> bool:
    """Whether gzip is named, and not with a weight of zero (RFC 9110 §12.5.3)."""
    for part in ",".join(headers.all(b"accept-encoding")).lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == "gzip":
            return _REFUSED.fullmatch(weight.replace(" ", "")) is None
    return False


def _is_known(tag: str, headers: Headers) -> bool:
    """Whether the browser has exactly these bytes: weak comparison, as RFC 9110 §13.1.2 requires."""
    named = {part.strip().removeprefix("W/") for part in ",".join(headers.all(b"if-none-match")).split(",")}
    return tag in named or "*" in named


ENDPOINTS = (
    Endpoint(
        "GET",
        "/gatepass.js",
        get_script,
        name="getBrowserClient",
        done={200: "Script", 304: None},
        problems={404: "not-found"},
        media_type="text/javascript",
    ),
)
