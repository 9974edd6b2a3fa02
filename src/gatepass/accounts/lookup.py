"""Finds the account of an address, under today's key or the one that earlier versions made of it."""

from gatepass.core.account import Account
from gatepass.ports import AccountStore
from gatepass.wire.email_address import earlier_key, read_email


async def find_by_email(store: AccountStore, email_key: str) -> Account | None:
    """The account of an address, or None. The work depends on the spelling of the address alone."""
    account = await store.find_account_by_email(email_key)
    earlier = earlier_key(email_key)
    if earlier == email_key:
        return account
    found = await store.find_account_by_email(earlier)
    address = None if found is None else read_email(found.email)
    return account or (found if address is not None and address.key == email_key else None)


async def has_earlier(store: AccountStore, email_key: str) -> bool:
    """Whether an address has an account under the key of an earlier version: today's key is free in the store then."""
    return earlier_key(email_key) != email_key and await find_by_email(store, email_key) is not None
