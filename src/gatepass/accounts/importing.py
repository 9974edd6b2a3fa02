"""Imports accounts from another system: one record per line, each accepted or refused with a reason.

    {"email": "ann@example.com", "password_hash": "pbkdf2_sha256$…", "verified": true}      .jsonl
    id,email,password_hash,verified,disabled,created_at                                     .csv, with a header

No password is needed: the hash is stored as it is (`passwords/foreign.py` lists the formats), and the first sign-in
replaces it. Without a hash the owner sets a password by a mailed link. Ids are kept: rows of the application refer
to them. A member with another name is refused unless it is named as one to ignore: a misspelt `disabled` would let
people in. An address that has an account is refused, so an import can be repeated.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from itertools import islice
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from gatepass.accounts.import_files import Broken
from gatepass.accounts.lookup import find_by_email, has_earlier
from gatepass.accounts.passwords.foreign import UnsupportedHash, read_foreign
from gatepass.core import strict_json
from gatepass.core.account import NO_PASSWORD, Account
from gatepass.ports import AccountStore, Clock, Entropy
from gatepass.wire.email_address import read_email

MAX_BATCH = 100
"""Records that are written at the same time: a store commits them in few transactions, and memory stays small."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused line, and the reason. Contains no text of the line: it may hold a password hash."""

    line: int
    why: str


def _seconds(value: object) -> object:
    """A date with its time zone as Unix seconds: databases write 2021-03-04 05:06:07+00."""
    if not isinstance(value, str) or value.isdecimal():
        return value
    moment = TypeAdapter(datetime).validate_python(re.sub(r"([+-][0-9]{2})$", r"\1:00", value.strip()))
    if moment.tzinfo is None:
        raise ValueError("a date needs its time zone")
    return int(moment.timestamp())


def _id(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class _Record(BaseModel):
    """One account in the file."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    id: Annotated[str, BeforeValidator(_id), Field(min_length=1, max_length=128, pattern=r"^[!-~]+$")] | None = None
    email: str = Field(max_length=320)
    password_hash: str | None = None
    verified: bool = False
    disabled: bool = False
    created_at: Annotated[int | None, BeforeValidator(_seconds), Field(ge=0, le=2**40)] = None

    @property
    def has_password(self) -> bool:
        """Whether there is a hash. Django writes an exclamation mark, and something random, where there is none."""
        return bool(self.password_hash) and not str(self.password_hash).startswith("!")


async def import_accounts(
    records: Iterable[tuple[int, object]],
    *,
    store: AccountStore,
    clock: Clock,
    entropy: Entropy,
    ignore: Collection[str] = (),
) -> AsyncIterator[Refusal | None]:
    """For each (line, record): None if an account was made, else the refusal. Raises StoreUnavailable.

    `ignore` are names of members that accounts have no use for.
    """

    async def add(line: int, record: object) -> Refusal | None:
        made = _account(record, now=clock.now(), account_id=entropy.token_bytes(16).hex(), ignore=ignore)
        if isinstance(made, str):
            return Refusal(line, made)
        if not await has_earlier(store, made.email_key) and await store.add_account(made):
            return None
        is_id = await find_by_email(store, made.email_key) is None
        return Refusal(line, f"there is an account with this {'id' if is_id else 'address'}")

    stream = iter(records)
    while batch := list(islice(stream, MAX_BATCH)):
        for outcome in await asyncio.gather(*(add(line, record) for line, record in batch)):
            yield outcome


def _account(record: object, *, now: int, account_id: str, ignore: Collection[str]) -> Account | str:
    """The account of a record, or the reason why it is refused."""
    if isinstance(record, Broken):
        return record.why
    try:
        given = _read(record, ignore)
        address = read_email(given.email)
        if given.has_password:
            read_foreign(given.password_hash or "")
    except ValidationError as invalid:
        return _reason(invalid)
    except UnsupportedHash as unfit:
        return f"password_hash: {unfit}"
    except ValueError:
        return "it is not a JSON object"
    if address is None:
        return "email: this is not an e-mail address"
    return Account(
        id=given.id or account_id,
        email=address.display,
        email_key=address.key,
        password_hash=given.password_hash or "" if given.has_password else NO_PASSWORD,
        credential_version=1,
        created_at=now if given.created_at is None else given.created_at,
        disabled_at=now if given.disabled else None,
        verified_at=now if given.verified else None,
    )


def _read(record: object, ignore: Collection[str]) -> _Record:
    """The record without the members to ignore. Raises ValidationError, or ValueError for what is no object."""
    members = strict_json.load(record.encode()) if isinstance(record, str) else record
    if not isinstance(members, dict):
        raise ValueError
    return _Record.model_validate({name: value for name, value in members.items() if name not in ignore})


def _reason(invalid: ValidationError) -> str:
    """Which members are wrong."""
    faults = invalid.errors(include_input=False)
    unknown = sorted({ascii(fault["loc"][0])[1:-1][:40] for fault in faults if fault["type"] == "extra_forbidden"})
    if unknown:
        close = [near for name in unknown for near in get_close_matches(name.lower(), _Record.model_fields, 1, 0.8)]
        hint = f"did you mean {', '.join(close)}? If not, leave it out" if close else "to leave it out"
        ignored = " ".join(f"--ignore {name}" for name in unknown)
        return f"{', '.join(unknown)}: no member of an account; {hint}: {ignored}"
    return f"{', '.join(sorted({str(fault['loc'][0]) for fault in faults}))}: missing or invalid"
