"""What the tests of `gatepass accounts` do: type a command, and read the accounts."""

import asyncio
import json

import bcrypt
from click.testing import CliRunner, Result

from gatepass.cli import main
from gatepass.core.secret import Secret
from gatepass.gate import Gatepass
from gatepass.settings import Settings

OLD = bcrypt.hashpw(b"the password of old", b"$2b$04$" + b"abcdefghijklmnopqrstuu").decode()
"""With a salt of its own: test workers must collect tests of the same names."""


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


def lines(*records: object) -> str:
    return "".join(record if isinstance(record, str) else json.dumps(record) + "\n" for record in records)
