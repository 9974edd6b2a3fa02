"""Sync code, other event loops and forks call the gate as its own loop does (E4)."""

import asyncio
import inspect
import multiprocessing
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from gatepass.accounts.administration import Administration
from gatepass.accounts.identities import Identities
from gatepass.accounts.provider_logout import ProviderLogout
from gatepass.accounts.service import Accounts
from gatepass.anywhere.services import (
    SyncAccounts,
    SyncAdministration,
    SyncFactors,
    SyncIdentities,
    SyncKeys,
    SyncPasskeys,
    SyncProviderLogout,
    SyncRecoveryCodes,
    SyncSessions,
    SyncTotps,
)
from gatepass.core.secret import Secret
from gatepass.errors import Conflict, Forbidden, InvalidToken
from gatepass.factors.passkeys import PasskeyFactors
from gatepass.factors.recovery_codes import RecoveryCodes
from gatepass.factors.service import FactorList
from gatepass.factors.totp import Totps
from gatepass.gate import Gatepass
from gatepass.guards.fastapi import CurrentPrincipal
from gatepass.sessions.service import Sessions
from gatepass.sessions.signing_keys import SigningKeys
from gatepass.testing.clock import FastHasher
from tests.support.browser import ORIGIN, Browser
from tests.support.gates import SECRET, GateHarness
from tools.services.patience import PATIENCE

EMAIL = "ann@example.com"


@pytest.fixture
def gate() -> Iterator[Gatepass]:
    made = GateHarness().gate
    yield made
    made.sync.close()


def add(gate: Gatepass, email: str = EMAIL) -> str:
    return gate.sync.accounts.add(email, Secret("seven green bottles on a wall"), email_key=email).id


@pytest.mark.parametrize(
    ("sync", "service", "left_out"),
    [
        (SyncSessions, Sessions, {"open", "is_live", "was_replaced", "provider_sign_in"}),  # the gate's own
        (SyncAccounts, Accounts, {"authenticated", "is_still", "add_without_password"}),  # of the door, and of tests
        (SyncIdentities, Identities, set[str]()),
        (SyncFactors, FactorList, set[str]()),
        (SyncTotps, Totps, {"reseal"}),  # the janitor's
        (SyncRecoveryCodes, RecoveryCodes, set[str]()),
        (SyncProviderLogout, ProviderLogout, set[str]()),
        (SyncPasskeys, PasskeyFactors, set[str]()),
        (SyncAdministration, Administration, set[str]()),
        (SyncKeys, SigningKeys, {"open", "look"}),
    ],
)
def test_sync_code_has_every_async_method_of_a_service(sync: type, service: type, left_out: set[str]) -> None:
    methods = {name for name, _ in inspect.getmembers(service, inspect.iscoroutinefunction) if name[0] != "_"}
    named = {name for name in vars(sync) if not name.startswith("_")}
    assert named == methods - left_out


def test_a_script_without_an_event_loop_uses_the_gate(gate: Gatepass) -> None:
    account_id = add(gate)
    found = gate.sync.accounts.find(account_id)
    assert found is not None
    assert found.email == EMAIL
    assert gate.sync.sessions.list_for_account(account_id) == []
    assert gate.sync.administration.disable_account(account_id, by="a script")
    assert [entry.action for entry in gate.sync.administration.entries()] == ["account-disabled"]
    with pytest.raises(Forbidden, match="not-offered"):
        gate.sync(gate.password_reset.request, "bob@example.com", ip_prefix="")


def test_what_a_service_raises_is_raised_to_the_script(gate: Gatepass) -> None:
    add(gate)
    with pytest.raises(Conflict):
        add(gate)


def test_a_plain_route_of_an_async_application_uses_the_gate_of_its_server() -> None:
    at = GateHarness()
    app = FastAPI(lifespan=at.gate.lifespan)
    app.mount("/auth", at.gate.asgi)

    @app.post("/leave")
    def leave(principal: CurrentPrincipal) -> int:
        return at.gate.sync.sessions.revoke_all(principal.account_id, reason="revoked")

    @app.post("/stuck")
    async def stuck(principal: CurrentPrincipal) -> str:
        with pytest.raises(RuntimeError, match=r"await the method.*asyncio\.to_thread"):
            at.gate.sync.sessions.revoke_all(principal.account_id, reason="revoked")
        return "refused"

    before = threading.enumerate()
    with TestClient(app, base_url=ORIGIN) as client:
        body = {"email": EMAIL, "password": "seven green bottles on a wall"}
        granted = client.post("/auth/register", json=body, headers={"Gatepass-Client": "1"}).json()
        bearer = {"Authorization": f"Bearer {granted['access_token']}"}
        assert client.post("/stuck", headers=bearer).json() == "refused"
        assert client.post("/leave", headers=bearer).json() == 1
        assert client.post("/leave", headers=bearer).status_code == 401
    begun = [thread.name for thread in threading.enumerate() if thread not in before]
    assert "gatepass" not in begun, "no thread and no second store"


def test_an_async_view_on_a_loop_of_its_own_awaits_the_gate(gate: Gatepass) -> None:
    account_id = add(gate)

    async def view() -> Any:
        return await gate.sessions.list_for_account(account_id), await gate.accounts.find(account_id)

    for _ in range(2):  # Flask and Django run each on a new loop
        sessions, account = asyncio.run(view())
        assert (sessions, account.id) == ([], account_id)


def test_ids_are_text_at_the_border_and_wrong_ones_are_refused(gate: Gatepass) -> None:
    async def sign_in() -> Browser:
        ann = Browser(gate.asgi)
        await ann.register()
        return ann

    ann = gate.sync(sign_in)
    other = gate.sync(sign_in_again, gate)
    principal = gate.check.principal([ann.bearer[1]])
    for wrong in ("", "x", principal.session_id.upper(), b"x", "0" * 31):
        with pytest.raises(ValueError, match="32 hexadecimal digits"):
            gate.sync.sessions.revoke_all(principal.account_id, reason="revoked", keep=wrong)
        with pytest.raises(ValueError, match="32 hexadecimal digits"):
            gate.sync.sessions.revoke(wrong, reason="revoked")
        with pytest.raises(ValueError, match="32 hexadecimal digits"):
            gate.sync.administration.end_sessions(principal.account_id, by="ann", keep=wrong)
    assert gate.sync.sessions.revoke_all(principal.account_id, reason="revoked", keep=principal.session_id) == 1
    assert gate.check.principal([ann.bearer[1]])
    with pytest.raises(InvalidToken):
        gate.check.principal([other.bearer[1]])
    assert gate.sync.sessions.revoke(principal.session_id, reason="revoked")


async def sign_in_again(gate: Gatepass) -> Browser:
    ann = Browser(gate.asgi)
    await ann.login()
    return ann


def _work(gate: Gatepass, answers: Any) -> None:
    answers.put(len(gate.sync.sessions.list_for_account(add(gate, "child@example.com"))))


@pytest.mark.slow
def test_a_worker_that_was_forked_has_the_gate_and_so_has_its_parent(tmp_path: Path) -> None:
    gate = Gatepass(secrets=[SECRET], public_url=ORIGIN, store=f"sqlite:///{tmp_path / 'gate.db'}", hasher=FastHasher())
    account_id = add(gate)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_work, args=(gate, answers))
    child.start()
    assert answers.get(timeout=PATIENCE) == 0
    child.join()
    assert gate.sync.accounts.find(account_id)
    gate.sync.close()
