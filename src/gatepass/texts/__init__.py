"""What problem codes say to people, in six languages, for pages that a server renders.

    from gatepass.texts import text_of

    text_of(problem.code, "de", retry_after=problem.facts.get("retry_after"))

Nothing is read before a language is used. The sentences are those of `gatepass/texts` in browsers.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from gatepass.errors import APPLICATION

__all__ = ["LANGUAGES", "Texts", "text_of", "texts_in"]

LANGUAGES = ("de", "en", "es", "fr", "pt", "zh")
"""Tags of RFC 5646: German, English, Spanish, French, Portuguese, Chinese (simplified)."""
_MINUTES_FROM = 90
"""Seconds from which on people are told minutes."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The sentences of one language. `codes` has one for each ProblemCode, `failures` one for what has no code."""

    codes: Mapping[str, str]
    failures: Mapping[str, str]
    seconds: tuple[str, str]
    """One, and several (`{n}`)."""
    minutes: tuple[str, str]

    def wait(self, seconds: float) -> str:
        """How long that is, in words: seconds, or minutes from 90 s on."""
        forms, size = (self.minutes, 60) if seconds >= _MINUTES_FROM else (self.seconds, 1)
        count = max(1, -int(-seconds // size))
        return forms[count > 1].replace("{n}", str(count))


@functools.cache
def texts_in(language: str) -> Texts:
    """The sentences of one of LANGUAGES. Raises ValueError for another."""
    if language not in LANGUAGES:
        raise ValueError(f"there are texts in {', '.join(LANGUAGES)}")
    read = json.loads((files(__name__) / f"{language}.json").read_text("utf-8"))
    return Texts(read["codes"], read["failures"], tuple(read["seconds"]), tuple(read["minutes"]))


def text_of(code: str, language: str, *, retry_after: object = None, detail: str = "") -> str:
    """The sentence for a problem code. `retry_after`: seconds, where the problem says so.

    For a code of the application (`app:…`) it is `detail`, which the application wrote; for an unknown one a general
    sentence. Raises ValueError for a language that is none of LANGUAGES.
    """
    texts = texts_in(language)
    if code.startswith(APPLICATION) and detail:
        return detail
    text = texts.codes.get(code, texts.failures["other"])
    seconds = retry_after if isinstance(retry_after, int | float) else 60
    return text.replace("{wait}", texts.wait(seconds))
