"""The code in a mail, for tests of pages and of applications."""

import re

from gatepass.core.crockford import ALPHABET
from gatepass.ports import Message

_CODE = re.compile(rf"^[ \t>]*([{ALPHABET}]{{4}}-[{ALPHABET}]{{4}})[ \t]*\r?$", re.MULTILINE)


def mail_code(mail: Message | str) -> str:
    """The code in a mail that signs in: of what a mailer was given, or of the text of a mail.

        code = mail_code(mailer.messages[-1])
        code = mail_code(Path("mail/1.eml").read_text())

    Raises ValueError for a mail without one.
    """
    found = _CODE.search(mail if isinstance(mail, str) else mail.text)
    if found is None:
        raise ValueError("There is no code in this mail, on a line of its own.")
    return found[1]
