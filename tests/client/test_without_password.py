"""An account whose owner signs in by mail or at a provider has no password to show."""

import json

from gatepass.client.account import AccountActions
from tests.client.fake_api import Api


def test_its_address_is_changed_and_it_is_deleted_without_one_as_in_browsers() -> None:
    api = Api()
    with api.client() as client:
        account = AccountActions(client)
        account.change_email("anna@example.com")
        account.delete_account(extra={"why": "no longer needed"})
    sent = {request.url.path: body for request, body in zip(api.requests, api.bodies, strict=True)}
    assert json.loads(sent["/auth/email"]) == {"email": "anna@example.com"}
    assert json.loads(sent["/auth/account/delete"]) == {"why": "no longer needed"}
