"""`gatepass migrate`: the tables of a PostgreSQL store. A server looks at them and never changes them."""

import asyncio
from pathlib import Path

import click

from gatepass.cli.common import env_file_option, fail
from gatepass.settings import Settings
from gatepass.stores import open_store
from gatepass.stores.migrations import Migrated


@click.command()
@env_file_option
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if there is something to do.")
@click.option("--sql", "as_sql", is_flag=True, help="Change nothing; print the SQL, for Alembic or psql.")
@click.option(
    "--from", "since", type=click.IntRange(0), default=0, help="With --sql: the version that is there already."
)
def migrate(env_file: Path | None, check: bool, as_sql: bool, since: int) -> None:
    """Bring the database of the configured store to the schema of this program."""
    if since and not as_sql:
        raise click.UsageError("--from goes with --sql.")
    store = open_store(Settings.load(env_file=env_file, public_url="http://localhost").store)
    if not isinstance(store, Migrated):
        if as_sql:
            fail("Only PostgreSQL is migrated by hand; other stores look after themselves when they are opened.")
        click.echo("Nothing to do: this store looks after itself when it is opened.")
        return
    if as_sql:
        click.echo(store.script(since=since))
    elif check:
        if steps := asyncio.run(store.pending()):
            fail(f"The database lacks {', '.join(steps)}. Run: gatepass migrate")
        click.echo("The database is up to date.")
    else:
        for step in (steps := asyncio.run(store.migrate())):
            click.echo(f"applied {step}")
        if not steps:
            click.echo("The database is up to date.")
