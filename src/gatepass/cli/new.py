"""`gatepass new` writes a small application to start from: sign-in, a guarded API, a page, tests, containers.

The files lie in gatepass/templates as they are written. A kind is made of layers, so that what two kinds share exists
once. Nothing in them is replaced; only the secrets of `.env` are made for each copy.
"""

import os
import secrets
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

import click

from gatepass.cli.group import fail
from gatepass.system import new_secret

KINDS = {
    "fastapi-react": {"common": "", "fastapi": "", "sqlite": "", "react": "", "style": "web/src"},
    "django-react": {"common": "", "django": "", "react": "", "style": "web/src"},
    "flask": {"common": "", "flask": "", "sqlite": "", "style": "app/static"},
}
"""Kind → its layers, each with the folder that its files go to."""
SETTINGS = ".env.example"


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("folder", type=click.Path(path_type=Path), required=False)
def new(kind: str, folder: Path | None) -> None:
    """Write a small application with sign-in to FOLDER: its tests, page and containers, too.

    FOLDER, named after the kind by default, must be empty or new.
    """
    folder = folder or Path(kind)
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            fail(f"{folder} is not an empty folder. Nothing was written.")
        for name, content in contents(kind):
            _write(folder / name, content)
            if name == PurePosixPath(SETTINGS):
                _write(folder / ".env", with_secrets(content.decode()).encode(), mode=0o600)
    except OSError as fault:
        fail(f"Cannot write {fault.filename or folder}: {fault.strerror}.")
    click.echo(f"written {folder}\nNext: cd {folder}, and follow README.md")


def contents(kind: str) -> Iterator[tuple[PurePosixPath, bytes]]:
    """The files of a kind: path and content."""
    for layer, place in KINDS[kind].items():
        for name, file in _files(files("gatepass") / "templates" / layer, PurePosixPath(place)):
            yield name, file.read_bytes()


def with_secrets(settings: str) -> str:
    """The text of a settings file, with a fresh secret for each setting that has no value."""
    lines = []
    for line in settings.splitlines(keepends=True):
        if not line.startswith("#") and line.endswith("=\n"):
            secret = new_secret() if line.startswith("GATEPASS_") else secrets.token_urlsafe(50)
            line = line.replace("\n", f"{secret}\n")
        lines.append(line)
    return "".join(lines)


def _files(folder: Traversable, place: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name == "__pycache__":  # installers compile what looks like a module
            continue
        if entry.is_dir():
            yield from _files(entry, place / entry.name)
        else:
            yield place / entry.name, entry


def _write(file: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a new file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as made:
        made.write(content)
