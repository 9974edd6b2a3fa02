"""The parameters of a query or a form that a browser brings."""

from urllib.parse import parse_qsl

from gatepass.errors import BadRequest
from gatepass.problem_codes import ProblemCode
from gatepass.server.http import Request

MAX_ANSWER = 16_384
"""Bytes of what a provider sends the browser back with."""
MAX_PARAMETERS = 20


class Parameters(dict[str, str]):
    """What came in a query or a form: a code among it, which crash reports must not show."""

    def __repr__(self) -> str:
        return "<parameters>"


def read_query(request: Request) -> Parameters:
    """The parameters of the address. Raises as `read_parameters`."""
    return read_parameters(request.scope.get("query_string", b""))


def read_parameters(raw: bytes) -> Parameters:
    """The parameters of a query or a form. Raises BadRequest; none may stand twice (RFC 6749 §3.1)."""
    try:
        if len(raw) > MAX_ANSWER:
            raise ValueError
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict")
    except ValueError:
        raise BadRequest(ProblemCode.MALFORMED_REQUEST, "The parameters of this address cannot be read.") from None
    if len({name for name, _ in pairs}) != len(pairs):
        raise BadRequest(ProblemCode.MALFORMED_REQUEST, "A parameter of this address stands twice.")
    return Parameters(pairs)
