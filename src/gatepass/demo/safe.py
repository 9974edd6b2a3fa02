"""A door that a password alone does not open: the route that the page steps up for (RFC 9470)."""

from starlette.requests import Request
from starlette.responses import JSONResponse

from gatepass.core.assurance import MFA
from gatepass.guards.starlette import current_principal, requires

MAX_AGE = 60
"""Seconds: short enough that a visitor meets the question twice."""


@requires(acr=MFA, max_age=MAX_AGE)
async def open_safe(request: Request) -> JSONResponse:
    """`POST /api/safe`: what lies in the safe, and how the caller has signed in."""
    methods = list(current_principal(request).methods)
    inside = "The deed to the gatehouse, a brass key, and a note: well guarded."
    return JSONResponse({"inside": inside, "methods": methods}, headers={"Cache-Control": "no-store"})
