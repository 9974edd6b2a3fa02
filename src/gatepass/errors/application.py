"""What the rules of an application refuse, as its hooks raise it."""

import json
import re
from http import HTTPStatus

from gatepass.errors.base import Fact, Problem

APPLICATION = "app:"
"""How every code of an application begins, and none of ours: a client cannot mistake one for the end of a session."""
_OWN_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MAX_CODE = 64
_MEMBERS = frozenset(("type", "title", "status", "detail", "code", "instance"))
_HANDLED_BELOW = frozenset((401, 407, 408, 421, 425))
"""Clients and browsers act on these by themselves: they would refresh, or send the request again."""


class Refused(Problem):
    """A rule of the application refuses: `raise Refused("domain-not-allowed", "Use your address at work.")`.

    On the wire the code is `app:domain-not-allowed`. `members` are further members of the document; with a number of
    seconds as `retry_after` there is a Retry-After too. Raises ValueError for a code that is not lower-case words with
    hyphens, and for a status that is not 4xx or that clients act on by themselves (401, 407, 408, 421, 425).
    """

    def __init__(self, code: str, detail: str, *, status: int = 403, **members: Fact) -> None:
        if len(code) > _MAX_CODE or _OWN_CODE.fullmatch(code) is None:
            raise ValueError(f"a code is lower-case words with hyphens, of at most {_MAX_CODE} characters")
        if not 400 <= status < 500 or status in _HANDLED_BELOW:
            raise ValueError(
                "a refusal is 4xx, but none of 401, 407, 408, 421, 425: clients act on these by themselves"
            )
        if taken := sorted(_MEMBERS & members.keys()):
            raise ValueError(f"{', '.join(taken)}: members of every problem document")
        json.dumps(members)  # raises TypeError here, where the hook can be seen, and not at the reply
        known = status in HTTPStatus._value2member_map_
        self.status = status  # type: ignore[misc]
        self.title = HTTPStatus(status).phrase if known else "Refused"  # type: ignore[misc]
        wait = members.get("retry_after")
        headers = {"Retry-After": str(wait)} if isinstance(wait, int) else {}
        super().__init__(APPLICATION + code, detail, facts=members, headers=headers)
