"""What problem codes say to people, in six languages, for pages that a server renders.

    from gatepass.texts import text_of

    text_of(problem.code, language_of(request.headers["accept-language"]), retry_after=problem.facts.get("retry_after"))

Nothing is read before a language is used. The sentences are those of `gatepass/texts` in browsers.
"""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from gatepass.errors import APPLICATION

__all__ = ["LANGUAGES", "Texts", "language_of", "text_of", "texts_in"]

LANGUAGES = ("de", "en", "es", "fr", "pt", "zh")
"""Tags of RFC 5646: German, English, Spanish, French, Portuguese, Chinese (simplified)."""
_MAX_HEADER = 1000
"""Characters of an Accept-Language that are read: browsers send fewer than 100."""
_WEIGHT = re.compile(r"(?:q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?", re.ASCII)
"""Of RFC 9110 §12.4.2, or none, which is 1."""
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
    resume: Mapping[str, str]
    """The words of the resume page (`GET /resume`)."""

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
    return Texts(read["codes"], read["failures"], tuple(read["seconds"]), tuple(read["minutes"]), read["resume"])


def language_of(accept_language: str | None, otherwise: str = "en") -> str:
    """The one of LANGUAGES that an Accept-Language header likes best: `de` for `de-AT, en;q=0.8` (RFC 4647 §3.4).

    Anything that is no such header, and one that likes none of them, is `otherwise`.
    """
    best, weight = otherwise, 0.0
    for part in (accept_language or "")[:_MAX_HEADER].lower().split(","):
        tag, _, parameter = part.partition(";")
        language = tag.strip().partition("-")[0]
        match = _WEIGHT.fullmatch(parameter.replace(" ", ""))
        liked = float(match[1] or 1) if match else 0.0
        if language in LANGUAGES and liked > weight:
            best, weight = language, liked
    return best


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
