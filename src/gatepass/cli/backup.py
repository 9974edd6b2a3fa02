"""`gatepass backup`: a whole copy of a SQLite store while the server runs. The other stores have tools of their own."""

from pathlib import Path

import click

from gatepass.cli.common import env_file_option, load_settings
from gatepass.cli.group import fail
from gatepass.doctor.configuration import sqlite_file
from gatepass.stores.sqlite.backup import copy_database


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Overwrite the file.")
@env_file_option
def backup(file: Path, replace: bool, env_file: Path | None) -> None:
    """Copy the SQLite database to FILE, whole, while the server runs."""
    source = sqlite_file(load_settings(env_file))
    if source is None:
        fail("Only a SQLite store is one file. PostgreSQL: pg_dump. Redis: its append-only file.")
    size = copy_database(source, file, replace=replace)
    click.echo(f"{file}: {size} bytes, checked. For the owner alone: it holds addresses and password hashes.")
