"""`gatepass migrate`: the schema of a PostgreSQL store. A server checks it and never changes it."""

import asyncio
from pathlib import Path

import click

from gatepass.cli.common import env_file_option, load_settings, project_gate
from gatepass.cli.group import fail
from gatepass.stores import open_store
from gatepass.stores.combined.store import CombinedStore
from gatepass.stores.migrations import Migrated, ends_sessions

ENDS_SESSIONS = "Every session ends with it, and people sign in once: docs/guides/upgrade.md."


@click.command()
@env_file_option
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 if the schema is out of date.")
@click.option("--sql", "as_sql", is_flag=True, help="Change nothing; print the SQL, for Alembic or psql.")
@click.option(
    "--from", "since", type=click.IntRange(0), default=0, help="With --sql: the version that the database has."
)
def migrate(env_file: Path | None, check: bool, as_sql: bool, since: int) -> None:
    """Bring the database of the configured store to the schema of this version of Gatepass."""
    if since and not as_sql:
        raise click.UsageError("--from goes with --sql.")
    project = project_gate() if env_file is None else None
    store = open_store(load_settings(env_file).store_url) if project is None else project.store
    if isinstance(store, CombinedStore):
        store = store.accounts
    if not isinstance(store, Migrated):
        if as_sql:
            fail("Only PostgreSQL is migrated by hand; other stores update their schema when they are opened.")
        click.echo("Nothing to do: this store updates its schema when it is opened.")
        return
    if as_sql:
        click.echo(store.script(since=since))
    elif check:
        if steps := asyncio.run(store.pending()):
            warning = f" {ENDS_SESSIONS}" if ends_sessions(steps) else ""
            fail(f"The database lacks {', '.join(steps)}. Run: gatepass migrate.{warning}")
        click.echo("The database is up to date.")
    else:
        for step in (steps := asyncio.run(store.migrate())):
            click.echo(f"applied {step}")
        if ends_sessions(steps):
            click.echo(ENDS_SESSIONS)
        if not steps:
            click.echo("The database is up to date.")
