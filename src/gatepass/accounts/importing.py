"""Imports accounts from another system: one record per line, read as a stream, each accepted or refused with a reason.

    {"email": "ann@example.com", "password_hash": "pbkdf2_sha256$…", "verified": true}      .jsonl
    email,password_hash,verified,disabled,created_at                                        .csv, with a header

No password is needed: the hash is stored as it is (`passwords/foreign.py` lists the formats), and the first sign-in
replaces it. An address that has an account is refused, so an import can be repeated.
"""

import asyncio
import csv
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TextIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gatepass.accounts.passwords.foreign import UnsupportedHash, read_foreign
from gatepass.core.account import Account
from gatepass.errors import Unprocessable
from gatepass.ports import AccountStore, Clock, Entropy
from gatepass.wire.bodies import parse_email

MAX_BATCH = 100
"""Records that are written at the same time: a store commits them in few transactions, and memory stays small."""
MAX_LINE = 64 * 1024
"""Characters; the rest of a longer line is refused as a line of its own."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused line, and the reason. Contains no text of the line: it may hold a password hash."""

    line: int
    why: str


class _Record(BaseModel):
    """One account in the file. Members with other names are ignored."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    email: str = Field(max_length=320)
    password_hash: str
    verified: bool = False
    disabled: bool = False
    created_at: int | None = Field(default=None, ge=0, le=2**40)


async def import_accounts(
    records: Iterable[tuple[int, object]], *, store: AccountStore, clock: Clock, entropy: Entropy
) -> AsyncIterator[Refusal | None]:
    """For each (line, record): None if an account was made, else the refusal. Raises StoreUnavailable."""

    async def add(line: int, record: object) -> Refusal | None:
        made = _account(record, now=clock.now(), account_id=entropy.token_bytes(16).hex())
        if isinstance(made, str):
            return Refusal(line, made)
        return None if await store.add_account(made) else Refusal(line, "there is an account with this address")

    stream = iter(records)
    while batch := list(islice(stream, MAX_BATCH)):
        for outcome in await asyncio.gather(*(add(line, record) for line, record in batch)):
            yield outcome


def read_records(file: TextIO, *, is_csv: bool) -> Iterator[tuple[int, object]]:
    """The records of a file, each with the number of its line. A line that cannot be parsed is yielded as text."""
    if is_csv:
        reader = csv.DictReader(_lines(file), strict=True)
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield reader.line_num, "it is not CSV"
                continue
            yield reader.line_num, {name: value for name, value in row.items() if value not in ("", None)}
    for number, line in enumerate(_lines(file), 1):
        if line.strip():
            yield number, line


def _lines(file: TextIO) -> Iterator[str]:
    """The lines of a file in pieces of at most MAX_LINE, so that one long line does not fill the memory."""
    while line := file.readline(MAX_LINE):
        yield line


def _account(record: object, *, now: int, account_id: str) -> Account | str:
    """The account of a record, or the reason why it is refused."""
    try:
        given = _Record.model_validate_json(record) if isinstance(record, str) else _Record.model_validate(record)
        email, email_key = parse_email(given.email)
        read_foreign(given.password_hash)
    except ValidationError as invalid:
        names = {str(fault["loc"][0]) for fault in invalid.errors(include_input=False) if fault["loc"]}
        if not names:
            return "it is not a JSON object"
        return f"{', '.join(sorted(names))}: missing or invalid"
    except Unprocessable:
        return "email: this is not an e-mail address"
    except UnsupportedHash as unfit:
        return f"password_hash: {unfit}"
    return Account(
        id=account_id,
        email=email,
        email_key=email_key,
        password_hash=given.password_hash,
        credential_version=1,
        created_at=now if given.created_at is None else given.created_at,
        disabled_at=now if given.disabled else None,
        verified_at=now if given.verified else None,
    )
