"""What a reader of the OpenAPI document alone can rely on: names, links and lengths."""

import json
import re

import pytest

from gatepass.core.policy import Policy
from gatepass.server.endpoints import DESCRIBED
from gatepass.server.openapi.openapi import describe

DOCUMENT = describe(DESCRIBED, Policy(password_min=20, password_max=90))
OPERATIONS = {
    (path, method): operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if method != "parameters"
}


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation.get("operationId") for operation in OPERATIONS.values()]
    assert None not in names
    assert len(set(names)) == len(names) > 15


def test_every_link_leads_to_an_operation() -> None:
    links = re.findall(r'"links": \{"\w+": \{"operationId": "(\w+)"', json.dumps(DOCUMENT))
    assert len(links) == 4
    assert set(links) <= {operation["operationId"] for operation in OPERATIONS.values()}


@pytest.mark.parametrize(
    ("schema", "member"), [("Registration", "password"), ("PasswordChange", "new"), ("PasswordReset", "new")]
)
def test_a_new_password_is_described_as_long_as_the_policy_asks(schema: str, member: str) -> None:
    described = DOCUMENT["components"]["schemas"][schema]["properties"][member]
    assert (described["minLength"], described["maxLength"]) == (20, 90)


def test_a_password_that_is_known_may_be_shorter_than_a_new_one() -> None:
    """Or people could not sign in any more after the policy has become stricter."""
    described = DOCUMENT["components"]["schemas"]["Credentials"]["properties"]["password"]
    assert (described["minLength"], described["maxLength"]) == (1, 90)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (f"0.{'b' * 11}.{'a' * 22}", True),
        (f"4294967295.{'-' * 11}.{'_' * 22}", True),
        (f"01.{'b' * 11}.{'a' * 22}", False),
        (f"0.{'a' * 22}", False),
    ],
)
def test_the_proof_of_a_refresh_is_described_as_the_server_reads_it(text: str, fits: bool) -> None:
    parameters = {parameter["name"]: parameter for parameter in OPERATIONS["/refresh", "post"]["parameters"]}
    schema = parameters["Gatepass-Proof"]["schema"]
    assert (re.search(schema["pattern"], text) is not None and len(text) <= schema["maxLength"]) is fits
