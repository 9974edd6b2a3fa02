"""The endpoint for links to paths of the application, which `<img>`, `<video>` and downloads open without a header.

    POST /links     {paths} → 200 {links, expires_in}: an address for each path, in their order

It takes a bearer token, and reads and stores nothing: a link says who, which session and which path, and opens what the
route itself opens for that person (`link_principal`). Many at once, since a gallery has many.
"""

from collections.abc import Sequence

from gatepass.core.principal import Principal
from gatepass.server.context import Context
from gatepass.server.endpoint import Endpoint
from gatepass.server.http import Reply, Request
from gatepass.wire import bodies


async def make_links(context: Context, request: Request) -> Reply:
    """Make links to paths of the application, for this session and some minutes."""
    principal = context.principal(request)
    body = bodies.read(bodies.LinksRequest, await request.json(bodies.MAX_LINKS_BYTES))
    try:
        return Reply(200, _made(context, principal, body.paths))
    except ValueError as fault:
        raise bodies.invalid_body({"paths": str(fault)}) from None


def _made(context: Context, principal: Principal, paths: Sequence[str]) -> bytes:
    """The body of the answer. Its links are in no local variable: crash reports show those."""
    return bodies.dump(
        {
            "links": [context.links.make(principal, path) for path in paths],
            "expires_in": context.policy.link_ttl // 2,
        }
    )


ENDPOINTS = (
    Endpoint(
        "POST", "/links", make_links, name="makeLinks", body=bodies.LinksRequest, done={200: "Links"}, bearer=True
    ),
)
