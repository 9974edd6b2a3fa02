"""Links that open one path without a header: for a browser, a player or a downloader that a program starts.

    webbrowser.open(client.link("/reports/7.pdf"))

They are for the session of the client, and die with it (PROTOCOL §10).
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urljoin

from gatepass.client.endpoints.endpoint_call import Flow, call_endpoint

MAX_LINKS = 200
"""The most that a server makes in one request."""


def links_for(client: Any, paths: Sequence[str]) -> Flow[list[str]]:
    """An address for each path, in their order, at the origin of the auth endpoints."""
    found: list[str] = []
    for start in range(0, len(paths), MAX_LINKS):
        body = {"paths": list(paths[start : start + MAX_LINKS])}
        response = yield from call_endpoint(client, "POST", "links", body)
        found += [urljoin(client.session.auth_url, link) for link in response.json()["links"]]
    return found
