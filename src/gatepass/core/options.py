"""What groups of options share."""

from dataclasses import fields
from typing import Any


def drop_empty_texts(options: Any) -> None:
    """Make None of `""` where an option of a frozen dataclass may be None: Tokens(issuer=environ.get("ISSUER", ""))."""
    for option in fields(options):
        if option.default is None and getattr(options, option.name) == "":
            object.__setattr__(options, option.name, None)
