"""One call of an auth endpoint through the layers of a client, with its access token."""

from collections.abc import Generator, Mapping
from typing import Any, TypeVar

from gatepass.client.body_replay import remember_start
from gatepass.client.errors import raise_for_problem
from gatepass.client.flow import Call, Step
from gatepass.client.http import bare_request, httpx
from gatepass.client.session.endpoints import CLIENT_HEADER
from gatepass.core.secret import Secret

Result = TypeVar("Result")
Flow = Generator[Step, Any, Result]


def call_endpoint(
    client: Any, method: str, path: str, body: Mapping[str, object] | None = None
) -> Flow[httpx.Response]:
    """Send one request to `path` below the auth endpoints. Raises a ProblemError for a refusal."""
    url = f"{client.session.auth_url}/{path}"
    request = client.build_request(method, url, json=body and _revealed(body), headers=CLIENT_HEADER)
    remember_start(request)
    call = Call(request)
    del request
    response = yield from client._chain(call)
    response.request = bare_request(method, url, like=response)  # errors show it: no password and no token
    return raise_for_problem(response)


def _revealed(body: Mapping[str, object]) -> dict[str, object]:
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in body.items()}
