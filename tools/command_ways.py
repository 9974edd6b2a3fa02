"""How each command of the documentation is tried: the table that `tools/commands.py` runs by.

A row is found by the text of the command, not by the page, so that pages can be moved and written anew.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tools.documented import Command

PASSWORD = "walnut lantern by the river\n"


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
    r"gatepass accounts enable ID": ByTest("test_an_account_is_closed_opened_and_deleted_by_address_or_id"),
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
