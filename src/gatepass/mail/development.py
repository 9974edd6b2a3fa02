"""Mail as files in a folder, one each: for tests, for development, and for a program that sends them itself."""

import asyncio
import os
import secrets
import time
from pathlib import Path

from gatepass.errors import ConfigurationError, DeliveryFailed
from gatepass.mail.message import check_sender, compose_mail
from gatepass.ports import Message


class FolderMailer:
    """Writes each mail as `<time>-<random>.eml`, readable by its owner alone; a file that is there is whole."""

    def __init__(self, folder: Path, *, sender: str) -> None:
        """Raises ConfigurationError where there is no such folder."""
        if not folder.is_dir():
            raise ConfigurationError(f"MAIL: there is no folder {folder}. Make it first.")
        self._folder = folder
        self._sender = check_sender(sender)

    async def send(self, message: Message) -> None:
        """Write it. Raises DeliveryFailed."""
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
