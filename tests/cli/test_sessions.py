"""`gatepass sessions`: what it shows, what it ends, and that servers which run learn of it."""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner, Result

from gatepass.cli import main
from gatepass.core.session import Session
from gatepass.stores import open_store
from gatepass.testing.records import account_of, digest, session_of
from tests.support.gates import SECRET
from tests.support.process import gatepass, serving
from tools.services.patience import patience, until
from tools.services.postgres import new_database, shared_server

pytestmark = pytest.mark.slow

NOW = int(time.time())
ANN, BOB = account_of("ann"), account_of("bob")
PERSON = {"email": "ann@example.com", "password": "seven green bottles on a wall"}
NATIVE = {"Gatepass-Client": "1"}


def signed_in(account_name: str, device: str, **facts: object) -> Session:
    times = {"created_at": NOW - 60, "committed_at": NOW - 30, "expires_at": NOW + 3600}
    return session_of({"ann": ANN, "bob": BOB}[account_name], device, **{**times, **facts})


LAPTOP, PHONE = signed_in("ann", "laptop", created_at=NOW - 90), signed_in("ann", "phone", remember=False)
FOREIGN = signed_in("bob", "tablet")


@pytest.fixture(autouse=True)
def filled(folder: Path) -> None:
    """A file with two accounts: Ann is signed in twice, Bob once."""

    async def fill() -> None:
        store = open_store("sqlite:///gate.db")
        await store.open()
        for account in (ANN, BOB):
            assert await store.add_account(account)
        for session in (LAPTOP, PHONE, FOREIGN):
            assert await store.add(session, credential_version=1)
        await store.close()

    asyncio.run(fill())


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["sessions", *arguments])


def listed(who: str) -> list[str]:
    return [json.loads(line)["id"] for line in run("list", who, "--json").output.splitlines()]


@pytest.mark.parametrize("whose", [["Ann@example.com"], ["--account", ANN.id], ["--account", "ann@example.com"]])
def test_a_list_has_everything_a_person_may_know_newest_sign_in_first(whose: list[str]) -> None:
    done = run("list", *whose, "--json")
    assert done.exit_code == 0
    rows = [json.loads(line) for line in done.output.splitlines()]
    assert rows[0] == {
        "id": PHONE.sid.hex(),
        "account_id": ANN.id,
        "client": "Firefox on Linux",
        "created_at": NOW - 60,
        "last_used_at": NOW - 30,
        "expires_at": NOW + 3600,
        "address": "192.0.2.0/24",
        "remember": False,
        "bound": "no",
        "methods": ["pwd"],
        "acr": None,
        "authenticated_at": PHONE.authenticated_at,
    }
    assert [row["id"] for row in rows[1:]] == [LAPTOP.sid.hex()]


def test_for_people_it_is_a_line_each_and_no_token_material() -> None:
    lines = run("list", "ann@example.com").output.splitlines()
    assert [line.split()[0] for line in lines] == [PHONE.sid.hex(), LAPTOP.sid.hex()]
    assert all("  bound no      Firefox on Linux  192.0.2.0/24" in line for line in lines)
    assert LAPTOP.fingerprint.hex() not in "".join(lines) + run("list", "ann@example.com", "--json").output


def test_sessions_end_by_id_each_with_what_became_of_it() -> None:
    first = run("revoke", PHONE.sid.hex(), FOREIGN.sid.hex().upper())
    assert (first.exit_code, first.stdout) == (0, f"{PHONE.sid.hex()}  ended\n{FOREIGN.sid.hex()}  ended\n")
    unknown = digest("nobody").hex()
    again = run("revoke", PHONE.sid.hex(), unknown, LAPTOP.sid.hex(), "--json")
    assert again.exit_code == 1
    assert [json.loads(line) for line in again.output.splitlines()] == [
        {"id": PHONE.sid.hex(), "result": "over"},
        {"id": unknown, "result": "unknown"},
        {"id": LAPTOP.sid.hex(), "result": "ended"},
    ]
    assert (listed("ann@example.com"), listed("bob@example.com")) == ([], [])


def test_all_of_an_account_end_and_nobody_elses() -> None:
    assert run("revoke", "--account", "ann@example.com").output == "ended 2\n"
    assert json.loads(run("revoke", "--account", ANN.id, "--json").output) == {"ended": 0}
    assert listed("ann@example.com") == []
    assert listed("bob@example.com") == [FOREIGN.sid.hex()]


def test_all_others_end_and_the_named_one_stays() -> None:
    done = run("revoke", "--account", "ann@example.com", "--others-than", LAPTOP.sid.hex())
    assert (done.exit_code, done.output) == (0, "ended 1\n")
    assert listed("ann@example.com") == [LAPTOP.sid.hex()]


@pytest.mark.parametrize("kept", [FOREIGN.sid.hex(), digest("nobody").hex()])
def test_where_the_one_to_stay_is_not_theirs_nothing_ends(kept: str) -> None:
    done = run("revoke", "--account", "ann@example.com", "--others-than", kept)
    assert done.exit_code == 1
    assert "Nothing was ended" in done.stderr
    assert len(listed("ann@example.com")) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["list", "ann@example.com", "--account", ANN.id],
        ["revoke"],
        ["revoke", "xyz"],
        ["revoke", LAPTOP.sid.hex(), "--account", ANN.id],
        ["revoke", LAPTOP.sid.hex(), "--others-than", PHONE.sid.hex()],
        ["revoke", "--account", ANN.id, "--others-than", "0"],
        ["revoke", "--everybody", "--account", ANN.id],
        ["revoke", "--everybody", LAPTOP.sid.hex()],
        ["revoke", "--everybody", "--others-than", LAPTOP.sid.hex()],
        ["revoke", "--everybody", "--begun-before", "yesterday", "--yes"],
        ["revoke", "--account", ANN.id, "--begun-before", "2026-11-29T12:00:00Z"],
        ["revoke", LAPTOP.sid.hex(), "--yes"],
        ["end-all"],
    ],
)
def test_what_is_not_clear_is_a_usage_error_and_ends_nothing(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2
    assert len(listed("ann@example.com")) == 2


@pytest.mark.parametrize("arguments", [["list", "x@example.com"], ["revoke", "--account", "x@example.com"]])
def test_of_nobody_each_says_so(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.exit_code, done.stderr) == (1, "There is no account with this address or id.\n")


def test_everybody_is_signed_out_only_if_that_is_confirmed() -> None:
    asked = run("revoke", "--everybody")
    assert asked.exit_code == 1
    assert "End every session?" in asked.stderr
    assert len(listed("ann@example.com")) == 2


@pytest.mark.parametrize(
    "spelling", [str(NOW - 75), datetime.fromtimestamp(NOW - 75, UTC).isoformat()], ids=["seconds", "ISO 8601"]
)
def test_only_the_sessions_end_that_began_before_a_time_that_is_named(spelling: str) -> None:
    done = run("revoke", "--everybody", "--begun-before", spelling, "--yes", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"epoch": NOW - 75})
    assert listed("ann@example.com") == [PHONE.sid.hex()], "the laptop was signed in earlier"
    assert listed("bob@example.com") == [FOREIGN.sid.hex()]


def test_the_end_of_a_session_that_the_store_does_not_know_is_recorded_all_the_same() -> None:
    lost = digest("lost")
    assert run("revoke", lost.hex()).exit_code == 1

    async def ended() -> list[bytes]:
        store = open_store("sqlite:///gate.db")
        await store.open()
        try:
            return [sid for sid, _ in await store.revoked_since(NOW)]
        finally:
            await store.close()

    assert asyncio.run(ended()) == [lost]


def test_every_session_of_every_account_ends_and_a_running_server_hears_of_it(folder: Path) -> None:
    settings = {"SECRET": SECRET, "STORE": "sqlite:///gate.db"}
    base = "http://127.0.0.1:{}/auth"
    with (
        serving(folder, settings) as server,
        httpx2.Client(base_url=base.format(server.port), headers=NATIVE) as client,
    ):
        granted = client.post("/register", json={**PERSON, "email": "eve@example.com"}).json()
        bearer = {"Authorization": f"Bearer {granted['access_token']}"}
        assert client.get("/me", headers=bearer).status_code == 200
        done = gatepass(folder, "sessions", "revoke", "--everybody", "--yes", "--json", **settings)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["epoch"] >= NOW
        until(lambda: client.get("/me", headers=bearer).status_code != 200)
        assert client.get("/me", headers=bearer).json()["code"] == "invalid-token"
    assert [listed(who) for who in ("ann@example.com", "bob@example.com", "eve@example.com")] == [[], [], []]


async def test_a_server_that_runs_refuses_at_once_what_was_revoked_beside_it(tmp_path: Path) -> None:
    settings = {"SECRET": SECRET, "STORE": await new_database(shared_server())}
    with serving(tmp_path, settings) as server:
        base = f"http://127.0.0.1:{server.port}/auth"
        async with httpx2.AsyncClient(base_url=base, headers=NATIVE) as client:
            laptop = (await client.post("/register", json=PERSON)).json()
            client.cookies.clear()
            phone = (await client.post("/login", json=PERSON)).json()
            bearers = [{"Authorization": f"Bearer {each['access_token']}"} for each in (laptop, phone)]
            assert [(await client.get("/me", headers=bearer)).status_code for bearer in bearers] == [200, 200]
            done = await asyncio.to_thread(gatepass, tmp_path, "sessions", "revoke", laptop["session_id"], **settings)
            assert (done.returncode, done.stdout) == (0, f"{laptop['session_id']}  ended\n"), done.stderr
            async with patience():
                while (refused := await client.get("/me", headers=bearers[0])).status_code == 200:
                    pass
            assert (refused.status_code, refused.json()["code"]) == (401, "invalid-token")
            assert (await client.get("/me", headers=bearers[1])).status_code == 200
