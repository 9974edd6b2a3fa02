"""A Problem as the document that goes over the wire (RFC 9457)."""

from gatepass.core.strict_json import dump
from gatepass.errors import Problem

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:gatepass:problem:"


def document(problem: Problem) -> bytes:
    """The body: type, title, status, detail, code and the problem's facts."""
    return dump(
        {
            "type": TYPE_PREFIX + problem.code,
            "title": problem.title,
            "status": problem.status,
            "detail": problem.detail,
            "code": problem.code,
            **problem.facts,
        }
    )
