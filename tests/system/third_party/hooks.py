"""What Schemathesis cannot know by itself: how to sign in, and what a browser would send along.

Loaded by the `schemathesis` command in a process of its own (SCHEMATHESIS_HOOKS), so it imports nothing of ours.
Each request comes from another network, or throttling would answer instead of the endpoints; a part of the requests
bears the right password or a real refresh cookie, or no endpoint that asks for one would ever be seen to succeed.
"""

import itertools
import json
import os
import random
import re
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import schemathesis

from tools.services.patience import PATIENCE

Case = schemathesis.Case[Any]
BASE = os.environ["OUTSIDE_URL"]
TALLY = Path(os.environ["OUTSIDE_TALLY"])
MAIL = Path(os.environ["OUTSIDE_MAIL"])
VERIFIES = os.environ["OUTSIDE_REGISTRATION"] == "verify"
PASSWORD = "a throwaway pass phrase of the fuzzer"
CLIENT = {"Gatepass-Client": "1"}
NEXT_PASSWORD = "the pass phrase that comes after it"
CHANCE = random.Random(7)
NUMBERS = itertools.count(1)
SEEN: Counter[str] = Counter()
TURNS: Counter[str] = Counter()
ISSUED: set[str] = set()
COOKIE_PATHS = {"/refresh", "/logout"}


def somewhere() -> str:
    """An address of some /24."""
    return f"10.{CHANCE.randrange(256)}.{CHANCE.randrange(256)}.1"


@dataclass(frozen=True, slots=True)
class Member:
    """A new account: its address, and of its session the id, the access token and the cookies."""

    email: str
    sid: str
    token: str
    cookies: str


def join() -> Member:
    """Register."""
    email = f"fuzzer-{next(NUMBERS)}@outside.test"
    credentials = {"email": email, "password": PASSWORD}
    first = post("/register", credentials, CLIENT)
    verified = {"token": mailed_to(email), "password": PASSWORD} if VERIFIES else {}
    with first, post("/verify", verified, CLIENT) if VERIFIES else first as answer:
        cookies = [line.split(";")[0] for line in answer.headers.get_all("Set-Cookie")]
        grant = json.load(answer)
        return Member(email, grant["session_id"], grant["access_token"], "; ".join(cookies))


def post(path: str, body: object, headers: dict[str, str]) -> Any:
    """One request of our own, which has to succeed."""
    plain = {"Content-Type": "application/json", "X-Forwarded-For": somewhere(), **headers}
    request = urllib.request.Request(BASE + path, data=json.dumps(body).encode(), headers=plain, method="POST")
    return urllib.request.urlopen(request, timeout=PATIENCE)


def mailed_to(email: str) -> str:
    """The token of the link that was mailed to an address. Mail is written beside the answers: wait for it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for file in MAIL.glob("*.eml"):
            letter = message_from_bytes(file.read_bytes(), policy=policy.default)
            link = re.search(r"#token=(\S+)", str(letter.get_content()))
            if letter["To"] == email and link:
                return link[1]
        time.sleep(0.01)
    raise TimeoutError(f"no mail for {email}")


@schemathesis.auth(refresh_interval=2, retry_on=[401])
class Bearer:
    """A new account every other second: the fuzzer signs out everywhere, changes passwords, deletes accounts."""

    def get(self, _case: Case, _context: schemathesis.AuthContext) -> str:
        """The access token."""
        ISSUED.add(token := join().token)
        return token

    def set(self, case: Case, data: str, _context: schemathesis.AuthContext) -> None:
        """As RFC 6750 has it."""
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: Case, **_kwargs: Any) -> None:
    """Another network for each request; every other time what a person knows, or a browser has."""
    case.headers["X-Forwarded-For"] = somewhere()
    if not is_positive(case):
        return
    TURNS[case.path] += 1
    if TURNS[case.path] % 2 == 0:
        return
    if case.path in COOKIE_PATHS:
        case.headers["Cookie"] = join().cookies
        case.headers.pop("Gatepass-Proof", None)
        case.headers.pop("Gatepass-Session", None)
        case.headers["Gatepass-Client"] = "1"
    elif case.path == "/sessions/{sid}" and bears_a_good_token(case):
        member = join()
        case.headers["Authorization"] = f"Bearer {member.token}"
        case.path_parameters["sid"] = member.sid
    elif isinstance(case.body, dict):
        case.body = {**case.body, **known(case)}


def known(case: Case) -> dict[str, str]:
    """The members of a body that only its sender can know."""
    match case.path:
        case "/register" | "/email" | "/account" | "/account/delete":
            return {"password": PASSWORD}
        case "/password":
            return {"current": PASSWORD, "new": NEXT_PASSWORD}
        case "/login":
            return {"email": join().email, "password": PASSWORD}
        case "/email/confirm" if bears_a_good_token(case):
            member, email = join(), f"moved-{next(NUMBERS)}@outside.test"
            case.headers["Authorization"] = f"Bearer {member.token}"
            post("/email", {"email": email, "password": PASSWORD}, {"Authorization": f"Bearer {member.token}"}).close()
            return {"token": mailed_to(email)}
        case "/password/reset":
            member = join()
            for letter in MAIL.glob("*.eml"):
                letter.unlink()  # the one that confirmed the address
            post("/password/forgot", {"email": member.email}, CLIENT).close()
            return {"token": mailed_to(member.email), "new": NEXT_PASSWORD}
        case "/verify" if VERIFIES:
            email = f"fuzzer-{next(NUMBERS)}@outside.test"
            post("/register", {"email": email, "password": PASSWORD}, CLIENT).close()
            return {"token": mailed_to(email), "password": PASSWORD}
        case _:
            return {}


def bears_a_good_token(case: Case) -> bool:
    """Whether another good one may take its place: the fuzzer sends made-up ones too, and those have to be refused."""
    return str(case.headers.get("Authorization", "")).removeprefix("Bearer ") in ISSUED


@schemathesis.hook
def after_call(_context: schemathesis.HookContext, case: Case, response: schemathesis.Response) -> None:
    """Count the answers, for the test to look at."""
    SEEN[f"{case.method} {case.path} {response.status_code}"] += 1
    TALLY.write_text(json.dumps(SEEN))


BEYOND_SCHEMAS = {"password", "return_to", "paths"}
"""An account with a password must give it; an address to return to must be one of this gate; a link is of
one plain path."""


@schemathesis.check
def accepts_what_it_describes(_context: schemathesis.CheckContext, response: schemathesis.Response, case: Case) -> None:
    """A body that fits its schema is never `invalid-body`, but for what a schema cannot say."""
    if is_positive(case) and response.status_code == 422 and response.json()["code"] == "invalid-body":
        fields = {error["field"] for error in response.json()["errors"]}
        assert fields <= BEYOND_SCHEMAS, "refused as malformed, though the schema allows it"


def is_positive(case: Case) -> bool:
    """Whether all of the request fits the document."""
    return case.meta is not None and case.meta.generation.mode.is_positive
