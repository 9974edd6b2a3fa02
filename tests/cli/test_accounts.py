"""`gatepass accounts`: list, disable, enable, delete, verify and import accounts."""

import asyncio
import csv
import json
import time
from pathlib import Path

import bcrypt
import pytest
from click.testing import CliRunner, Result

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
from tests.support.gates import SECRET

GOOD = "seven green bottles on a wall"
OLD = bcrypt.hashpw(b"the password of old", b"$2b$04$" + b"abcdefghijklmnopqrstuu").decode()
"""With a salt of its own: test workers must collect tests of the same names."""


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEPASS_SECRET", SECRET)
    monkeypatch.setenv("GATEPASS_STORE", "sqlite:///gate.db")
    return tmp_path


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["accounts", *arguments], input=typed)


def listed() -> list[dict[str, object]]:
    return [json.loads(line) for line in run("list", "--json").output.splitlines()]


def signs_in(email: str, password: str) -> bool:
    async def attempt() -> bool:
        gate = Gatepass(**Settings.load(public_url="http://localhost").arguments())
        async with gate.running():
            try:
                await gate.accounts.authenticate(email, Secret(password), ip_prefix="")
            except Exception:
                return False
            return True

    return asyncio.run(attempt())


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


def lines(*records: object) -> str:
    return "".join(record if isinstance(record, str) else json.dumps(record) + "\n" for record in records)


def test_an_import_takes_what_fits_and_says_why_the_rest_does_not(folder: Path) -> None:
    (folder / "people.jsonl").write_text(
        lines(
            {"email": "Ann@example.com", "password_hash": OLD, "verified": True, "created_at": 1_500_000_000},
            "\n",
            {"email": "ann@EXAMPLE.com", "password_hash": OLD},
            {"email": "no address", "password_hash": OLD},
            {"email": "bob@example.com", "password_hash": "pbkdf2_sha256$10000000000$salt$aGFzaGhhc2hoYXNo"},
            {"email": "eve@example.com", "password_hash": "5f4dcc3b5aa765d61d8327deb882cf99"},
            {"email": "eve@example.com", "disabeld": True},
            {"email": "eve@example.com", "password_hash": OLD, "created_at": -1},
            "not json\n",
            "[1]\n",
            {"email": "carl@example.com", "password_hash": OLD, "disabled": True},
        )
    )
    done = run("import", "people.jsonl")
    assert done.exit_code == 1
    assert done.stdout == "made 2, refused 8\n"
    told = done.stderr.splitlines()
    assert [line.split(":")[0] for line in told] == [f"line {number}" for number in (3, 4, 5, 6, 7, 8, 9, 10)]
    for part, line in zip(
        (
            "there is an account",
            "e-mail address",
            "iterations",
            "format",
            "disabeld: no member of an account; did you mean disabled? If not, leave it out: --ignore disabeld",
            "created_at",
            "not a JSON object",
            "not a JSON object",
        ),
        told,
        strict=True,
    ):
        assert part in line
    assert not any(secret in done.output for secret in ("5f4dcc", "eve@", "aGFzaG"))
    ann, carl = sorted(listed(), key=lambda account: str(account["email"]))
    assert (ann["email"], ann["created_at"]) == ("Ann@example.com", 1_500_000_000)
    assert ann["verified_at"]
    assert carl["disabled_at"]
    assert signs_in("ann@example.com", "the password of old")
    assert not signs_in("carl@example.com", "the password of old")


def test_an_import_can_be_run_again(folder: Path) -> None:
    (folder / "people.jsonl").write_text(lines({"email": "ann@example.com", "password_hash": OLD}))
    assert json.loads(run("import", "people.jsonl", "--json").output) == {"made": 1, "refused": 0}
    again = [json.loads(line) for line in run("import", "people.jsonl", "--json").output.splitlines()]
    assert again == [
        {"line": 1, "refused": "there is an account with this address"},
        {"made": 0, "refused": 1},
    ]


def test_csv_does_as_well(folder: Path) -> None:
    with (folder / "people.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["email", "password_hash", "verified", "disabled"])
        writer.writerow(["ann@example.com", OLD, "true", ""])
        writer.writerow(["bob@example.com", OLD, "", "1"])
        writer.writerow(["x", OLD])
    done = run("import", "people.csv")
    assert done.stdout == "made 2, refused 1\n"
    assert done.stderr == "line 4: email: this is not an e-mail address\n"
    ann, bob = sorted(listed(), key=lambda account: str(account["email"]))
    assert (bool(ann["verified_at"]), bool(ann["disabled_at"])) == (True, False)
    assert (bool(bob["verified_at"]), bool(bob["disabled_at"])) == (False, True)


def test_a_large_file_is_read_as_a_stream(folder: Path) -> None:
    with (folder / "people.jsonl").open("w") as file:
        file.writelines(lines({"email": f"{n}@example.com", "password_hash": OLD}) for n in range(1200))
        file.write("x" * 200_000 + "\n")
    done = run("import", "people.jsonl")
    assert done.stdout.startswith("made 1200, refused ")
    assert len(listed()) == 1200


def test_another_kind_of_file_is_a_usage_error(folder: Path) -> None:
    (folder / "people.xml").write_text("")
    assert run("import", "people.xml").exit_code == 2
    assert run("import", "missing.csv").exit_code == 2


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("people.csv", BOM + f"email,password_hash\r\nann@example.com,{OLD}\r\n".encode()),
        ("people.csv", BOM + f"email;password_hash\nann@example.com;{OLD}\n".encode()),
        ("people.csv", f"email\tpassword_hash\nann@example.com\t{OLD}\n".encode()),
        ("people.csv", f"Email, Password_Hash\nann@example.com ,{OLD}\n".encode()),
        ("people.csv", f"email,password_hash,verified\nann@example.com,{OLD},t\n".encode()),
        ("people.csv", f"email,password_hash,created_at\nann@example.com,{OLD},2021-03-04 05:06:07+00\n".encode()),
        ("people.jsonl", BOM + lines({"email": "\u200bann@example.com ", "password_hash": OLD}).encode()),
        ("people.jsonl", lines({"email": "Ann@example.com", "password_hash": OLD}).replace("\n", "\r\n").encode()),
    ],
)
def test_files_are_read_as_databases_and_spreadsheets_write_them(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    assert run("import", name).output == "made 1, refused 0\n"
    assert signs_in("ann@example.com", "the password of old")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("people.csv", f"email,password_hash\njürgen@example.com,{OLD}\n"),
        ("people.jsonl", f'{{"email":"jürgen@example.com","password_hash":"{OLD}"}}\n'),
    ],
)
def test_a_line_of_another_encoding_is_refused_and_never_guessed(folder: Path, name: str, text: str) -> None:
    (folder / name).write_bytes(text.encode("latin-1"))
    done = run("import", name)
    assert done.stdout == "made 0, refused 1\n"
    assert "it is not UTF-8" in done.stderr
    (folder / name).write_bytes(text.encode("utf-16"))
    done = run("import", name)
    assert (done.exit_code, done.stderr) == (1, "The file is UTF-16. Save it as UTF-8 and import it again.\n")


def test_a_member_that_accounts_have_no_use_for_is_refused_unless_it_is_named(folder: Path) -> None:
    (folder / "people.csv").write_text(f"email,password_hash,first_name,is_staff\nann@example.com,{OLD},Ann,f\n")
    assert "first_name, is_staff: no member of an account" in run("import", "people.csv").stderr
    done = run("import", "people.csv", "--ignore", "first_name", "--ignore", "is_staff")
    assert done.output == "made 1, refused 0\n"


def test_ids_are_kept(folder: Path) -> None:
    (folder / "people.jsonl").write_text(
        lines(
            {"id": 7, "email": "ann@example.com", "password_hash": OLD},
            {"id": "550e8400-e29b-41d4-a716-446655440000", "email": "bob@example.com", "password_hash": OLD},
            {"id": "7", "email": "eve@example.com", "password_hash": OLD},
            {"id": "a b", "email": "eve@example.com", "password_hash": OLD},
            {"id": "", "email": "eve@example.com", "password_hash": OLD},
        )
    )
    done = run("import", "people.jsonl")
    assert done.stderr.splitlines() == [
        "line 3: there is an account with this id",
        "line 4: id: missing or invalid",
        "line 5: id: missing or invalid",
    ]
    assert {account["id"] for account in listed()} == {"7", "550e8400-e29b-41d4-a716-446655440000"}
    assert run("disable", "7").exit_code == 0


@pytest.mark.parametrize("unusable", [None, "", "!", "!3hlIcuWh1Zm4JtL7pQZ8fKc0"])
def test_people_without_a_password_come_too(folder: Path, unusable: str | None) -> None:
    (folder / "people.jsonl").write_text(lines({"email": "ann@example.com", "password_hash": unusable}))
    assert run("import", "people.jsonl").output == "made 1, refused 0\n"
    for password in ("", "!", "the password of old"):
        assert not signs_in("ann@example.com", password)


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
