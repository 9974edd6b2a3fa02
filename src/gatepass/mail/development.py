"""Mailers for development and tests: standard error, and files in a folder.

`FolderMailer` also suits a separate program that picks the files up and sends them.
"""

import asyncio
import os
import secrets
import sys
import time
from pathlib import Path

from gatepass.errors import ConfigurationError, DeliveryFailed
from gatepass.mail.message import check_sender, compose_mail
from gatepass.ports import Message


class ConsoleMailer:
    """Prints each mail to standard error. Never in production: its links give access to accounts."""

    def __init__(self, *, sender: str) -> None:
        """Raises ConfigurationError for a sender that is not one address."""
        self._sender = check_sender(sender)

    async def send(self, message: Message) -> None:
        """As in ports.Mailer. Raises DeliveryFailed for an address or a subject that no mail server would take."""
        mail = compose_mail(message, sender=self._sender)
        print(f"--- mail to {mail['To']}: {mail['Subject']}\n{message.text}\n---", file=sys.stderr, flush=True)


class FolderMailer:
    """Writes each mail to `<time>-<random>.eml` with mode 600. A file with that name is always complete."""

    def __init__(self, folder: Path, *, sender: str) -> None:
        """Raises ConfigurationError if the folder does not exist, or for a sender that is not one address."""
        if not folder.is_dir():
            raise ConfigurationError(f"There is no folder {folder} for mail. Create it first.")
        self._folder = folder
        self._sender = check_sender(sender)

    async def send(self, message: Message) -> None:
        """As in ports.Mailer. Raises DeliveryFailed, also if the file cannot be written."""
        mail = compose_mail(message, sender=self._sender)
        await asyncio.to_thread(self._write, mail.as_bytes())

    def _write(self, content: bytes) -> None:
        name = f"{time.time_ns()}-{secrets.token_hex(4)}"
        draft = self._folder / f".{name}"
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            draft.rename(self._folder / f"{name}.eml")
        except OSError as fault:
            raise DeliveryFailed(type(fault).__name__) from None
