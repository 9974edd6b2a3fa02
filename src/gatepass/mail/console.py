"""Mail on standard error, for development: whoever sees the terminal could open every link in it."""

import sys

from gatepass.mail.message import check_sender, compose_mail
from gatepass.ports import Message


class ConsoleMailer:
    """Prints each mail."""

    def __init__(self, *, sender: str) -> None:
        """Raises ConfigurationError."""
        self._sender = check_sender(sender)

    async def send(self, message: Message) -> None:
        """Print it. Raises DeliveryFailed where it could not be sent anywhere either."""
        mail = compose_mail(message, sender=self._sender)
        print(f"--- mail to {mail['To']}: {mail['Subject']}\n{message.text}\n---", file=sys.stderr, flush=True)
