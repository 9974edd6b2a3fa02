"""`gatepass accounts import`: which files and lines are taken, and what is said of the others."""

import csv
import json
from pathlib import Path

import pytest

from tests.support.cli_accounts import OLD, lines, listed, run, signs_in

pytestmark = pytest.mark.usefixtures("folder")


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
