"""Mails to the owner of an account when something happens there that only a thief would want unnoticed.

Heard from events, so nothing waits for them and nothing depends on them: a sign-in from a new device, and a refresh
token used by two (`authn_token_reuse`). Changes of password and address are told by `recovery`, which makes them.
One of each kind for an account and hour: whoever causes them must not be able to flood a mailbox.
"""

from gatepass.core.event import Event, RefreshReuse, SessionNewDevice
from gatepass.core.policy import HOUR
from gatepass.core.rate import Buckets, Rate
from gatepass.mail import MailTemplates
from gatepass.mail.outbox import Outbox
from gatepass.ports import AccountStore, Clock, Message

OFTEN = Rate(1, HOUR)


class Notifications:
    """A listener for events. `letters` say what is written, `outbox` sends it."""

    def __init__(self, *, store: AccountStore, outbox: Outbox, templates: MailTemplates, clock: Clock) -> None:
        self._store = store
        self._outbox = outbox
        self._templates = templates
        self._clock = clock
        self._told = Buckets(OFTEN)

    def hear(self, event: Event) -> None:
        """Mail the owner, if it is an event of these."""
        if not isinstance(event, SessionNewDevice | RefreshReuse):
            return
        if self._told.take((event.name, event.account_id), self._clock.now()):
            return

        async def job() -> Message | None:
            account = await self._store.find_account(event.account_id)
            if account is None or not account.email:
                return None
            match event:
                case SessionNewDevice(client=client):
                    return self._templates.new_device(account.email, client=client, at=event.at)
                case RefreshReuse():
                    return self._templates.reuse_detected(account.email, at=event.at)

        self._outbox.post(job, subject=f"a notice of {event.name}")
