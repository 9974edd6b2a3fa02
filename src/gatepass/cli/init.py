"""`gatepass init` writes a secret and a settings file; `gatepass secret` prints a secret, for a rotation."""

import os
import sys
from typing import get_args
from urllib.parse import urlsplit

import click

from gatepass.cli.common import read_password
from gatepass.cli.group import fail
from gatepass.core.keyring import convert_secret, key_id_of_secret, parse_secret
from gatepass.errors import ConfigurationError
from gatepass.factors.options import Passkeys
from gatepass.settings import ENV_FILE
from gatepass.system import new_secret
from gatepass.wire.origin import Hsts, Origins

SECRET_FILE = "gatepass.secret"
_SETTINGS_TEXT = """\
# Settings of this gate; the environment overrides them. Keep this file and the secret file out of version control.
GATEPASS_SECRET_FILE={secret_file}
GATEPASS_PUBLIC_URL={public_url}
GATEPASS_STORE=sqlite:///gatepass.db
{asked}"""


@click.command()
@click.option("--public-url", default="http://localhost:8000", show_default=True, help="The address that browsers use.")
@click.option(
    "--hsts",
    type=click.Choice(get_args(Hsts)),
    help="What browsers keep on https for a year: host and subdomains, the host, or nothing. Else it is asked.",
)
@click.option(
    "--rp-id",
    help="The domain to which passkeys are bound, for ever: that of the pages, or one above. Else it is asked.",
)
def init(public_url: str, hsts: Hsts | None, rp_id: str | None) -> None:
    """Write a secret and a settings file to the working directory. Existing files are kept."""
    hsts = hsts or _ask_hsts(public_url)
    rp_id = rp_id or _ask_rp_id(public_url)
    if rp_id:
        _check_rp_id(rp_id, public_url)
    asked = f"GATEPASS_HSTS={hsts}\n" if hsts else ""
    asked += f"GATEPASS_PASSKEY_RP_ID={rp_id}\n" if rp_id else ""
    written = []
    settings = _SETTINGS_TEXT.format(secret_file=SECRET_FILE, public_url=public_url, asked=asked)
    for name, text, mode in (
        (SECRET_FILE, new_secret() + "\n", 0o600),
        (ENV_FILE, settings, 0o600),
    ):
        try:
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            click.echo(f"kept    {name} (it exists)")
            continue
        except OSError as fault:
            fail(f"Cannot write {name}: {fault.strerror}.")
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        written.append(name)
        click.echo(f"written {name}")
    click.echo("Next: gatepass serve" if written else "Nothing to do.")


def _ask_hsts(public_url: str) -> Hsts | None:
    """Ask whether browsers may keep the subdomains on https, too: none of them is reached over http for a year then."""
    if not public_url.startswith("https:") or os.path.exists(ENV_FILE) or not _is_terminal():
        return None
    host = urlsplit(public_url).hostname
    click.echo(f"Browsers keep {host} on https for a year (HSTS).")
    return "subdomains" if click.confirm(f"Are all subdomains of {host} on https too?", default=False) else "host"


def _ask_rp_id(public_url: str) -> str:
    """Ask for the RP id: browsers bind every passkey to it, and another one later makes all of them worthless."""
    if not public_url.startswith("https:") or os.path.exists(ENV_FILE) or not _is_terminal():
        return ""
    host = urlsplit(public_url).hostname or ""
    click.echo(f"Passkeys are bound to one domain for ever, such as {host} or a domain above it.")
    answer: str = click.prompt("The domain for passkeys (empty: none yet)", default="", show_default=False)
    return answer.strip()


def _check_rp_id(rp_id: str, public_url: str) -> None:
    """Say what is wrong with it now. Pages of other origins may make it right, but those are not known here."""
    try:
        Passkeys(rp_id=rp_id).expected(Origins.of(public_url, ()))
    except ConfigurationError as fault:
        fail(str(fault).replace("`passkey_rp_id`", "--rp-id").replace("`public_url`", "--public-url"))


def _is_terminal() -> bool:
    return sys.stdin.isatty()


@click.command()
@click.option(
    "--convert", is_flag=True, help="Read a secret without prefix from standard input; print it in today's form."
)
@click.option("--id", "as_id", is_flag=True, help="Read a secret from standard input; print its key id.")
def secret(convert: bool, as_id: bool) -> None:
    """Print a new secret, for GATEPASS_SECRET, GATEPASS_PEPPER or GATEPASS_REVOCATION_FEED_SECRET."""
    if convert and as_id:
        raise click.UsageError("--convert or --id, not both")
    if as_id:
        click.echo(key_id_of_secret(parse_secret(read_password("Secret").reveal())))
        return
    click.echo(convert_secret(read_password("Secret").reveal()) if convert else new_secret())
