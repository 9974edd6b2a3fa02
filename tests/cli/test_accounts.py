"""`gatepass accounts`: list, disable, enable, delete, verify and import accounts."""

import asyncio
import json
import time
from pathlib import Path

import bcrypt
import pytest
from click.testing import CliRunner

from gatepass.accounts.identities import Identity
from gatepass.cli import main
from gatepass.core.account import PendingRegistration
from gatepass.core.claims_mark import ClaimsMark
from gatepass.core.secret import Secret
from gatepass.core.throttle import LIFETIME
from gatepass.gate import Gatepass
from gatepass.settings import Settings
from gatepass.stores import SQLiteStore
from gatepass.system import SystemClock
from gatepass.testing.totp import totp_code
from tests.support.cli import GOOD
from tests.support.cli_accounts import OLD, lines, listed, run, signs_in

pytestmark = pytest.mark.usefixtures("folder")


def test_an_account_is_closed_opened_and_deleted_by_address_or_id() -> None:
    made = json.loads(run("add", "Ann@example.com", "--json", typed=f"{GOOD}\n").output)
    assert run("disable", "ANN@example.com").output == "disabled ANN@example.com\n"
    assert not signs_in("ann@example.com", GOOD)
    assert "disabled" in run("list").output
    assert run("enable", made["id"]).exit_code == 0
    assert signs_in("ann@example.com", GOOD)
    assert run("delete", "ann@example.com", typed="n\n").exit_code == 1
    assert len(listed()) == 1
    assert run("delete", "ann@example.com", "--yes").exit_code == 0
    assert listed() == []


def test_an_account_that_failures_stopped_is_listed_as_stopped_until_it_is_enabled() -> None:
    for name in ("ann", "bob"):
        run("add", f"{name}@example.com", typed=f"{GOOD}\n")

    async def guess() -> None:
        store = SQLiteStore(Path("gate.db"))
        await store.open()
        for _ in range(LIFETIME.free):
            now = SystemClock().now()
            await store.count_lasting_failure("ann@example.com", key="unused", now=now, forget_before=0)
        await store.close()

    asyncio.run(guess())
    assert [(row["email"], row["stopped"]) for row in sorted(listed(), key=lambda row: str(row["email"]))] == [
        ("ann@example.com", True),
        ("bob@example.com", False),
    ]
    (line,) = [line for line in run("list").output.splitlines() if "stopped" in line]
    assert line.endswith("ann@example.com")
    assert run("enable", "ann@example.com").exit_code == 0
    assert "stopped" not in run("list").output


@pytest.mark.parametrize("verb", ["disable", "enable", "delete", "verify"])
def test_of_nobody_each_says_so(verb: str) -> None:
    done = run(verb, "nobody@example.com", *(["--yes"] if verb == "delete" else []))
    assert done.exit_code == 1
    assert done.output.startswith("There is no account with this address")


@pytest.mark.parametrize("verb", ["add", "disable", "enable", "delete", "verify"])
def test_an_argument_that_is_no_text_is_refused_in_a_sentence(verb: str) -> None:
    """A Latin-1 terminal or script: Python passes the bytes on as surrogates, which no database takes."""
    done = run(verb, "j\udcfcrgen@example.com", *(["--yes"] if verb == "delete" else []))
    assert (done.exit_code, done.output) == (1, "An argument is not text in UTF-8.\n")


def test_a_file_may_have_a_name_that_is_no_text(folder: Path) -> None:
    (folder / "people\udcfc.jsonl").write_text(lines({"email": "ann@example.com", "password_hash": OLD}))
    assert run("import", "people\udcfc.jsonl").output == "made 1, refused 0\n"


def waits(number: int, password_hash: str) -> None:
    async def apply() -> None:
        store = SQLiteStore("gate.db")
        await store.open()
        pending = PendingRegistration(
            f"{number}" * 32, "bob@example.com", "bob@example.com", password_hash, 1_800_000_000 + number
        )
        await store.add_registration(pending)
        await store.close()

    asyncio.run(apply())


def test_verify_never_chooses_between_the_passwords_of_two_who_wait() -> None:
    """One of them is not the owner of the address, and may have come last."""
    waits(1, OLD)
    waits(2, bcrypt.hashpw(b"the password of a stranger", bcrypt.gensalt(4)).decode())
    done = run("verify", "bob@example.com")
    assert done.exit_code == 1
    assert f"{'1' * 32} of 2027-01-15 08:00:01Z" in done.output
    assert f"{'2' * 32} of 2027-01-15 08:00:02Z" in done.output
    assert listed() == []
    assert run("verify", "bob@example.com", "--registration", "3" * 32).exit_code == 1
    assert run("verify", "bob@example.com", "--registration", "1" * 32).output == "verified bob@example.com\n"
    assert signs_in("bob@example.com", "the password of old")
    assert not signs_in("bob@example.com", "the password of a stranger")


def test_verify_vouches_for_an_account_and_for_who_waits() -> None:
    run("add", "ann@example.com", typed=f"{GOOD}\n")
    assert run("verify", "ann@example.com").exit_code == 0
    waits(0, OLD)
    assert run("verify", "bob@example.com").output == "verified bob@example.com\n"
    assert all(account["verified_at"] for account in listed())
    assert signs_in("bob@example.com", "the password of old")


def link(subject: str, *, email: str = "ann@example.com") -> None:
    """Sign in at a provider, whose owner of the address has no account here yet, or a verified one."""

    async def sign_in() -> None:
        gate = Gatepass(**Settings.load(public_url="http://localhost").arguments())
        async with gate.running():
            await gate.identities.account_for(
                Identity("google", "https://accounts.google.example", subject, email, email_verified=True)
            )

    asyncio.run(sign_in())


def test_an_account_shows_how_it_is_signed_in_to() -> None:
    run("add", "bob@example.com", typed=f"{GOOD}\n")
    assert "password  yes" in run("show", "bob@example.com").output
    link("subject 110")
    shown = json.loads(run("show", "Ann@example.com", "--json").output)
    assert (shown["email"], shown["password"]) == ("ann@example.com", False)
    (linked,) = shown["identities"]
    assert (linked["provider"], linked["email"]) == ("google", "ann@example.com")
    text = run("show", "ann@example.com").output
    assert "password  none" in text
    assert f"identity  {linked['id']}  google  ann@example.com  last used " in text
    assert "subject 110" not in text
    assert run("show", "nobody@example.com").exit_code == 1


def test_an_identity_is_unlinked_and_the_last_way_in_only_on_request() -> None:
    link("subject 110")
    link("subject 111")
    one, two = json.loads(run("show", "ann@example.com", "--json").output)["identities"]
    assert run("unlink", "ann@example.com", one["id"]).output == f"unlinked {one['id']} from ann@example.com\n"
    refused = run("unlink", "ann@example.com", two["id"])
    assert (refused.exit_code, "only way into the account" in refused.output) == (1, True)
    assert run("unlink", "ann@example.com", "0" * 32, "--last").exit_code == 1
    assert run("unlink", "ann@example.com", two["id"], "--last").exit_code == 0
    assert json.loads(run("show", "ann@example.com", "--json").output)["identities"] == []


class TestRefreshClaims:
    def marks(self) -> list[tuple[str, int]]:
        async def read() -> list[tuple[str, int]]:
            gate = Gatepass(**Settings.load(public_url="http://localhost").arguments())
            async with gate.running():
                marks = await gate.store.claims_marks(above=ClaimsMark(-1, "", 0), limit=10)
                return [(mark.account_id, mark.within) for mark in marks]

        return asyncio.run(read())

    def test_the_tokens_of_an_account_or_of_all_are_refused_and_the_trail_says_who_did_it(self) -> None:
        made = json.loads(run("add", "ann@example.com", "--json", typed=f"{GOOD}\n").output)
        assert (
            run("refresh-claims", "ANN@example.com").output == "refused the present access tokens of ANN@example.com\n"
        )
        assert run("refresh-claims", "--everybody").exit_code == 0
        assert run("refresh-claims", "--everybody", "--within", "0s").exit_code == 0
        assert self.marks() == [(made["id"], 0), ("", 60), ("", 0)]
        trail = CliRunner().invoke(main, ["audit", "--json"]).output
        assert trail.count("claims-refreshed") == 3

    def test_one_account_or_all_must_be_named_and_exist(self) -> None:
        assert run("refresh-claims").exit_code == 2
        assert run("refresh-claims", "ann@example.com", "--everybody").exit_code == 2
        assert run("refresh-claims", "--everybody", "--within", "soon").exit_code == 2
        assert run("refresh-claims", "nobody@example.com").exit_code == 1
        assert self.marks() == []


def test_the_factors_of_an_account_are_listed_and_reset_which_is_in_the_trail() -> None:
    made = json.loads(run("add", "ann@example.com", "--json", typed=f"{GOOD}\n").output)

    async def enrol() -> None:
        gate = Gatepass(**Settings.load(public_url="http://localhost").arguments())
        async with gate.running():
            account = await gate.accounts.find(made["id"])
            assert account is not None
            setup = await gate.totps.start(account)
            await gate.totps.confirm(account, Secret(totp_code(setup.secret.reveal())))
            version, now = account.credential_version + 1, int(time.time())
            await gate.store.start_factor_recovery(account.id, credential_version=version, ready_at=now + 60, now=now)

    asyncio.run(enrol())
    text = run("factors", "list", "ann@example.com").output
    assert text.startswith("app             since ")
    assert "recovery codes  10\n" in text
    facts = json.loads(run("factors", "list", made["id"], "--json").output)
    assert (facts["passkeys"], facts["recovery_codes"], facts["enrol_by"]) == ([], 10, None)
    assert facts["recovery"]["ready_at"] == facts["recovery"]["requested_at"] + 60
    assert "\nsaid to be lost on " in text
    assert run("factors", "cancel-recovery", "ann@example.com").output == "the factors of ann@example.com stay\n"
    assert run("factors", "cancel-recovery", "ann@example.com").exit_code == 1
    assert json.loads(run("factors", "list", made["id"], "--json").output)["recovery"] is None
    assert run("factors", "reset", "ann@example.com", typed="n\n").exit_code == 1
    assert run("factors", "reset", "ann@example.com", "--yes").output == "reset the factors of ann@example.com\n"
    assert "no second factor\n" in run("factors", "list", "ann@example.com").output
    assert json.loads(run("factors", "list", made["id"], "--json").output)["totp"] is None
    trail = CliRunner().invoke(main, ["audit", "--json"]).output
    assert next(json.loads(line)["action"] for line in trail.splitlines()) == "factors-reset"
