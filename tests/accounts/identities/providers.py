"""Identities at a provider, and accounts that they may belong to."""

from typing import Any

import pytest

from gatepass.accounts.identities import Identity
from gatepass.core.account import Account
from gatepass.core.event import IdentityLinked
from gatepass.core.identity import ProviderSignIn
from gatepass.core.secret import Secret
from gatepass.errors import Conflict, Forbidden
from gatepass.sessions.service import Caller
from tests.support.browser import EMAIL, PASSWORD
from tests.support.mail import Post

GOOGLE = Identity("google", "https://accounts.google.example", "110248495921238986420", EMAIL, email_verified=True)
CALLER = Caller("Firefox on Linux", "192.0.2.0/24")


async def local(at: Post, *, verified: bool, email: str = EMAIL) -> Account:
    """An account with a password."""
    made = await at.at.gate.accounts.add(email, Secret(PASSWORD), email_key=email.lower())
    if verified:
        await at.at.gate.accounts.verify_address(email.lower())
    found: Account | None = await at.at.gate.accounts.find(made.id)
    assert found is not None
    return found


async def code_of(at: Post, identity: Identity) -> str:
    """Why an identity is refused."""
    with pytest.raises((Forbidden, Conflict)) as refused:
        await at.at.gate.identities.account_for(identity)
    return refused.value.code


async def sign_in(at: Post, account: Account, identity: Identity, *, sid: str | None = None) -> Any:
    """A session that began at the provider."""
    through = ProviderSignIn(identity.provider, identity.issuer, identity.subject, sid, at.at.clock.now())
    return await at.at.gate.sessions.sign_in(account, caller=CALLER, remember=True, through=through)


def links(at: Post) -> list[str]:
    return [event.by for event in at.at.events if isinstance(event, IdentityLinked)]
