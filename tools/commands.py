"""Runs what the documentation tells people to type, as `python3 run.py commands`.

Every command that `tools/documented.py` finds has a row below that says how it is tried. A row is found by the text of
the command, not by the page, so that pages can be moved and written anew. tests/…/test_commands.py fails for a command
without a row, for one that the program does not have, and for a row that names no test.
"""

import argparse
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.documented import ROOT, Command, commands

PASSWORD = "walnut lantern by the river\n"
PATIENCE = 120.0
"""Seconds until a server answers: far more than any needs."""


@dataclass(frozen=True, slots=True)
class Run:
    """It runs here, in a scratch folder, with `added` behind it; `stdin` is typed; `after` are run before it."""

    stdin: str = ""
    added: str = ""
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Serve:
    """It is started here, on a free port, answers at `path`, and ends cleanly at a signal."""

    path: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """It is typed beside a server that is started here, whose port takes the place of 8000; with `added` behind it."""

    added: str


@dataclass(frozen=True, slots=True)
class ByTest:
    """A test types it, or what is the same: its name."""

    by: str


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """It cannot run here, and why."""

    why: str


Way = Run | Serve | Ask | ByTest | Elsewhere
INIT = "gatepass init"
ADD = "gatepass accounts add ann@example.com"

WAYS: Mapping[str, Way] = {
    r"gatepass init": Run(),
    r"gatepass new (fastapi-react|django-react|flask)( \w+)?": Run(),
    r"gatepass secret": Run(),
    r"gatepass secret --convert.*": ByTest("test_one_of_an_earlier_version_is_converted_from_standard_input"),
    r"gatepass audit": Run(after=(INIT, ADD)),
    r"gatepass accounts add ann@example\.com": Run(stdin=PASSWORD, after=(INIT,)),
    r"gatepass accounts (list|(show|disable|enable|delete) ann@example\.com)": Run(stdin="y\n", after=(INIT, ADD)),
    r"gatepass accounts factors (list|reset) ann@example\.com": Run(stdin="y\n", after=(INIT, ADD)),
    r"gatepass accounts factors cancel-recovery ann@example\.com": ByTest(
        "test_the_factors_of_an_account_are_listed_and_reset_which_is_in_the_trail"
    ),
    r"gatepass accounts unlink ann@example\.com .*": ByTest(
        "test_an_identity_is_unlinked_and_the_last_way_in_only_on_request"
    ),
    r"gatepass accounts import people\.jsonl": ByTest("test_an_import_takes_what_fits_and_says_why_the_rest_does_not"),
    r"gatepass accounts import people\.csv .*": ByTest(
        "test_a_member_that_accounts_have_no_use_for_is_refused_unless_it_is_named"
    ),
    r"gatepass keys( list| rotate)": Run(after=(INIT, "gatepass migrate")),
    r"gatepass migrate( --check)?": Run(after=(INIT,)),
    r"gatepass migrate --sql( --from 1)?": ByTest("test_the_printed_sql_makes_what_migrate_makes"),
    r"gatepass sessions (list|revoke --account) ann@example\.com": Run(after=(INIT, ADD)),
    r"gatepass doctor": Run(after=(INIT, ADD)),
    r"(GATEPASS_\w+=\S+ )?gatepass serve( --port \d+)?": Serve("/healthz", after=(INIT,)),
    r"gatepass serve --workers 2": ByTest("test_a_signal_stops_all_workers"),
    r"(gunicorn|uvicorn|granian|uwsgi) .*app:app": ByTest("test_sessions_are_those_of_all_workers"),
    r"GATEPASS_TRUSTED_PROXIES=unix gatepass serve --uds \S+": ByTest("test_one_server_that_reloads_loses_no_request"),
    r"gatepass serve --fd 3": ByTest("test_a_socket_of_systemd_is_taken_and_outlives_the_server"),
    r"gatepass backup copy\.db": Run(after=(INIT, ADD)),
    r"rm -f gatepass\.db-wal gatepass\.db-shm|install -m 600 copy\.db gatepass\.db": ByTest(
        "test_a_sqlite_file_is_copied_whole_under_load_and_restored"
    ),
    r"(pg_dump|pg_restore|psql) .*": ByTest("test_postgresql_is_dumped_while_it_serves_and_restored"),
    r"redis-cli BGREWRITEAOF|cp -a appendonlydir copy|rm -rf appendonlydir .*": ByTest(
        "test_sessions_in_valkey_are_saved_while_it_serves_and_restored"
    ),
    r"docker compose .*": Elsewhere("needs a container daemon; what it would start is started by TestCompose"),
    r"(install -d -m 700 secrets|openssl rand .*|chown 10001 .*)": Elsewhere("prepares what docker compose mounts"),
    r"(python3 -m venv|/opt|useradd|install -d|cd /var/lib|systemctl|echo GATEPASS_\w+=\S+ >>).*": Elsewhere(
        "changes the machine; test_the_service_starts_on_the_socket_of_the_unit_reloads_and_stops starts the unit"
    ),
    r"pip install --upgrade": Elsewhere("a part of a command"),
    r"gatepass demo": Serve("/"),
    r"gatepass (login|whoami|request|logout) .*|gatepass (login|whoami)": ByTest("TestLogin"),
    r"gatepass doctor --url .*": ByTest("TestOutside"),
    r"gatepass accounts refresh-claims (--everybody|ann@example\.com)": ByTest(
        "test_the_tokens_of_an_account_or_of_all_are_refused_and_the_trail_says_who_did_it"
    ),
    r"gatepass sessions revoke --everybody( --yes)?": ByTest(
        "test_every_session_of_every_account_ends_and_a_running_server_hears_of_it"
    ),
    r"gatepass sessions revoke --everybody --begun-before \S+ --yes": ByTest(
        "test_only_the_sessions_end_that_began_before_a_time_that_is_named"
    ),
    r"gatepass secret (--id < leaked|> gatepass)\.secret": ByTest(
        "test_after_a_secret_leaked_every_client_is_told_to_sign_in"
    ),
    r"gatepass sessions revoke .*….*": ByTest("test_sessions_end_by_id_each_with_what_became_of_it"),
    r"curl http://localhost:8000/.*": Ask(added="--fail-with-body"),
    r"pip install( --upgrade)? 'gatepass(\[[a-z,]+\])?'": ByTest("test_an_installed_wheel_has_all_that_it_needs"),
    r"pip install (pytest .*|httpx|'gatepass\[(oidc|client)\]' \S.*)": ByTest(
        "test_the_tests_of_the_page_on_testing_pass"
    ),
    r"node --(test|experimental-vm-modules .*jest)": ByTest("test_the_kit_works_under"),
    r"npm install gatepass": Elsewhere("nothing is released yet; `check` packs the package and imports it"),
    r"npm install": Elsewhere("changes web/package-lock.json"),
    r"npm audit": Elsewhere("needs an advisory source"),
    r"npm run (size|reference).*": Elsewhere("`python3 run.py check` does the same, and writes nothing"),
    r"python3 run\.py demo": Serve("/"),
    r"python3 run\.py bench scale --sessions 10000000 .*": Elsewhere("takes an hour and 20 GB; with fewer it runs"),
    r"python3 run\.py bench against \.\./before .*": Elsewhere("needs a second checkout; without one it runs"),
    r"python3 run\.py bench peers.*": Elsewhere("installs other systems; --short measures those that are there"),
    r"python3 run\.py bench \w+.*": Run(added="--short"),
    r"(\w+=\w+ )*python3 run\.py test (--full )?tests/.*": Run(added="--collect-only -q"),
    r"python3 run\.py test( --quick)?": Elsewhere("is what runs when this is read: .ci/run"),
    r"python3 run\.py test --full": Elsewhere("takes hours: for every release"),
    r"python3 run\.py test --browsers \w+": Elsewhere(
        "runs the browser tests in each of three engines; for every release"
    ),
    r"python3 run\.py test --python 3\.\d+": Elsewhere("takes as long as all tests; for every release"),
    r"python3 run\.py check( --fix)?": Elsewhere(".ci/run; --fix would change files"),
    r"python3 run\.py bench --all --short": Elsewhere("each benchmark is tried by itself"),
    r"python3 run\.py COMMAND -h": ByTest("test_help_installs_nothing"),
    r"uv python install .*": Elsewhere("downloads an interpreter, from no package registry"),
    r"python3 run\.py commands( --list)?": Elsewhere("this is it"),
    r"python3 run\.py docs --build": Run(),
    r"python3 run\.py docs": Elsewhere("serves until Ctrl-C what --build has built"),
    r"python3 run\.py mutate": Elsewhere("takes an hour: for every release"),
    r"python3 run\.py audit": Elsewhere("needs an advisory source"),
    r"python3 run\.py sbom": Run(),
    r"python3 run\.py lock": Elsewhere("changes the lock files"),
}
PAGES: Mapping[str, Way] = {
    r"docs/(tutorial|tutorials/\w+|guides/django-at-home)\.md": ByTest(
        "test_the_commands_of_the_page_print_what_it_shows"
    ),
    r"docs/guides/native-clients\.md": ByTest("test_the_commands_of_curl_print_what_the_page_shows"),
    r"docs/guides/moving\.md": ByTest("test_the_people_of_a_django_project_move"),
}
"""Pages whose commands are one story, typed as a whole."""
FORM = re.compile(r"\b[A-Z][A-Z_]{2,}\b|…")
"""In what shows the form of a command, not one to type: a word for something that the reader knows."""


def way_of(command: Command) -> Way | None:
    """How a command is tried; None if that has not been decided."""
    text = command.text
    for pattern, way in WAYS.items():
        if re.fullmatch(pattern, text):
            return way
    for pattern, way in PAGES.items():
        if re.fullmatch(pattern, command.page):
            return way
    if FORM.search(text) or (len(text.split()) <= 3 and text.startswith("gatepass ")):
        return Elsewhere("a form, or a name: the test looks whether the program has it")
    return None


def attempt(text: str, way: Run | Serve | Ask, folder: Path) -> str:
    """Try a command in a scratch folder; what went wrong, or nothing."""
    if isinstance(way, Ask):
        return _asked(f"{text} {way.added}", folder)
    for earlier in way.after:
        done = _typed(earlier, folder, stdin=PASSWORD)
        if done.returncode:
            return f"{earlier}: {_said(done)}"
    if isinstance(way, Serve):
        return _served(text, way, folder)
    done = _typed(f"{text} {way.added}".strip(), folder, stdin=way.stdin)
    return _said(done) if done.returncode else ""


def _typed(text: str, folder: Path, *, stdin: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", text],
        cwd=_place(text, folder),
        env=_variables(folder),
        input=stdin,
        capture_output=True,
        text=True,
    )


def _served(text: str, way: Serve, folder: Path) -> str:
    with _running(text, folder) as (server, port, said):
        answered = _answers(f"http://localhost:{port}{way.path}", server)
        server.send_signal(signal.SIGTERM)
        code = server.wait(PATIENCE)
        return "" if answered and code == 0 else f"answered: {answered}, exit {code}: {said.read_text()[-500:]}"


def _asked(text: str, folder: Path) -> str:
    _typed(INIT, folder, stdin="")
    with _running("gatepass serve", folder) as (server, port, said):
        if not _answers(f"http://localhost:{port}/healthz", server):
            return f"the server did not start: {said.read_text()[-500:]}"
        done = _typed(text.replace("localhost:8000", f"localhost:{port}"), folder, stdin="")
        return _said(done) if done.returncode else ""


@contextlib.contextmanager
def _running(text: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, Path]]:
    """A server on a free port, and the file with what it says; killed if it is still there in the end."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    # Settings before a program are the shell's; without any, a signal is to reach the program itself.
    command = f"env {text} --port {port}"
    variables = {**_variables(folder), "GATEPASS_PUBLIC_URL": f"http://localhost:{port}"}
    with (folder / "said").open("w") as said:
        server = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {command}"], cwd=_place(text, folder), env=variables, stdout=said, stderr=said
        )
    try:
        yield server, port, folder / "said"
    finally:
        server.kill()
        server.wait()


def _answers(url: str, server: subprocess.Popen[bytes]) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    return False


def _place(text: str, folder: Path) -> Path:
    """What is the repository's own is typed at its root."""
    return ROOT if "run.py" in text else folder


def _variables(folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GATEPASS_", "XDG_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{clean.get('PATH', '')}"
    return {**clean, "PATH": path, "XDG_STATE_HOME": str(folder / "state"), "XDG_CONFIG_HOME": str(folder / "config")}


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return f"exit {done.returncode}: {(done.stdout + done.stderr).strip()[-500:]}"


def main() -> int:
    """Try each, or list them; 0 if all went well."""
    parser = argparse.ArgumentParser(prog="run.py commands", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--list", action="store_true", help="say how each is tried; run nothing")
    parser.add_argument("only", nargs="*", help="parts of the commands to try")
    options = parser.parse_args()
    chosen = [each for each in commands() if not options.only or any(part in each.text for part in options.only)]
    failed = sum(not report(command, only_list=options.list) for command in chosen)
    tried = sum(isinstance(way_of(command), Run | Serve | Ask) for command in chosen)
    if not options.list:
        print(f"{tried - failed} passed, {failed} failed, {len(chosen) - tried} skipped")
    return 1 if failed else 0


def report(command: Command, *, only_list: bool) -> bool:
    """Print what becomes of a command; False if it fails or has no row."""
    way = way_of(command)
    if way is None:
        print(f"NO ROW  {command.text}   ({command.page})", flush=True)
        return False
    if only_list or not isinstance(way, Run | Serve | Ask):
        print(f"{'-':7} {command.text}\n        {described(way)}", flush=True)
        return True
    with tempfile.TemporaryDirectory(prefix="gatepass-commands-") as folder:
        fault = attempt(command.text, way, Path(folder))
    print(f"{'FAILED' if fault else 'ok':7} {command.text}" + (f"\n        {fault}" if fault else ""), flush=True)
    return not fault


def described(way: Way) -> str:
    """How a command is tried, in words."""
    match way:
        case Run(added=added):
            return f"run here, with {added} behind it" if added else "run here"
        case Serve(path=path):
            return f"started here until {path} is answered"
        case Ask(added=added):
            return f"run here beside a server, with {added} behind it"
        case ByTest(by=name):
            return f"typed by {name}"
        case Elsewhere(why=why):
            return f"not here: {why}"


if __name__ == "__main__":
    raise SystemExit(main())
