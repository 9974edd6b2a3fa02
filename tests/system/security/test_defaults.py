"""What a new installation has before anything was done: no account, no session, no attempt (LG-09, ASVS 6.3.2)."""

from pathlib import Path

import pytest

from gatepass.core.secret import Secret
from tests.support.gates import SECRET, WatchedStore, open_gate
from tests.support.process import gatepass, serving
from tests.system.security.test_canaries import STORES, on_memory


@pytest.mark.parametrize("kind", [*STORES, "memory"])
async def test_a_new_store_knows_nobody(kind: str, tmp_path: Path) -> None:
    make = on_memory if kind == "memory" else STORES[kind]
    async with make(tmp_path) as (store, _), open_gate(store=WatchedStore(store)) as at:
        assert list(await at.gate.store.list_accounts(after="", limit=10)) == []
        made = await at.gate.accounts.add(
            "ann@example.com", Secret("seven green bottles on a wall"), email_key="ann@example.com"
        )
        assert list(await at.gate.store.list_accounts(after="", limit=10)) == [made]


def test_neither_does_a_server_that_init_and_serve_have_set_up(tmp_path: Path) -> None:
    settings = {"SECRET": SECRET, "STORE": "sqlite:///gate.db", "PUBLIC_URL": "http://localhost:8000"}
    with serving(tmp_path, settings):
        listed = gatepass(tmp_path, "accounts", "list", "--json", **settings)
    assert (listed.returncode, listed.stdout) == (0, "")
    gatepass(tmp_path, "accounts", "add", "ann@example.com", stdin="seven green bottles on a wall\n", **settings)
    listed = gatepass(tmp_path, "accounts", "list", "--json", **settings)
    assert listed.stdout.count("ann@example.com") == 1, "the list would have shown one"
