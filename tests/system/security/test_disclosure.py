"""What an installation tells everybody of itself: the protocol, and no more (TR-05, ASVS 13.4.5, 13.4.6)."""

import importlib.metadata
import json
import re

import pytest

from gatepass.core.claims import Tokens
from gatepass.core.policy import DAY, Policy
from gatepass.wire.browsers import Browsers
from tests.support.asgi import call
from tests.support.browser import Browser
from tests.support.gates import OTHER_SECRET, GateHarness, open_gate
from tests.system.security.test_headers import sound

PROGRAMS = ("gatepass", "uvicorn", "starlette", "pydantic", "cryptography", "argon2-cffi")


async def test_no_answer_tells_the_version_of_a_program(at: GateHarness, ann: Browser) -> None:
    """Not even the script for pages without a build, which everybody may fetch."""
    # Not within a token: one that begins with a session's id, such as …0.1.0mAC…, may contain any.
    numbers = "|".join(re.escape(importlib.metadata.version(program)) for program in PROGRAMS)
    version = re.compile(rf"(?<!\w)(?<!\w\.)v?({numbers})(?!\.?\w)")
    answers = [answer for _, answer in await sound(at, ann)]
    script = await call(at.gate.asgi, "GET", "/gatepass.js")
    assert script.status == 200
    for answer in (script, *answers):
        assert version.findall(answer.body.decode() + repr(answer.headers)) == []


async def test_the_description_tells_the_lengths_of_passwords_and_the_life_of_access_tokens_alone() -> None:
    """Two installations that differ in all that can be set: after these three are taken out there is one document."""
    own = {"policy": Policy(registration="closed", refresh_ttl=2 * DAY), "secrets": [OTHER_SECRET]}
    own |= {"public_url": "https://other.example", "tokens": Tokens(algorithm="ES256", audience="other")}
    own |= {"browsers": Browsers(same_site="lax", cookie_path="/auth")}
    seen = []
    for arguments in ({}, own, {"policy": Policy(access_ttl=60, password_min=20, password_max=99)}):
        async with open_gate(**arguments) as at:
            document = (await call(at.gate.asgi, "GET", "/openapi.json")).json()
        seen.append(json.dumps(document))
    assert seen[0] == seen[1]
    for ours, theirs in (("900 s", "60 s"), ('"minLength": 15', '"minLength": 20')):
        assert ours in seen[0]
        seen[0] = seen[0].replace(ours, theirs)
    longest = f'"maxLength": {Policy().password_max}'
    assert longest in seen[0]
    assert seen[0].replace(longest, '"maxLength": 99') == seen[2]


@pytest.mark.parametrize(
    "path", ["/docs", "/redoc", "/debug", "/metrics", "/server-status", "/.git/config", "/auth/docs"]
)
async def test_there_is_no_page_for_operators_or_developers(at: GateHarness, path: str) -> None:
    assert (await call(at.gate.served, "GET", path)).status == 404
