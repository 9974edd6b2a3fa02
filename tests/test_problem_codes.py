"""The codes of problem documents and their texts: one list, and no language without a sentence for each."""

import json
import re
from pathlib import Path
from typing import assert_never

import pytest

from gatepass import errors, texts
from gatepass.problem_codes import ProblemCode
from tools.problems import codes, files

ROOT = Path(__file__).resolve().parents[1]
CONTRACT = ROOT / "contract"


def test_what_is_made_of_the_contract_is_current() -> None:
    stale = [str(path.relative_to(ROOT)) for path, text in files().items() if path.read_text("utf-8") != text]
    assert stale == [], "python -m tools.problems"


def test_each_code_has_a_status_that_an_error_has() -> None:
    statuses = {
        kind.status for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.Problem)
    }
    assert [entry["code"] for entry in codes()] == [str(code) for code in ProblemCode]
    assert {status for entry in codes() for status in entry["status"]} - statuses == {500}  # server.http.InternalError


def test_an_error_of_a_code_has_a_status_of_that_code() -> None:
    allowed = {entry["code"]: entry["status"] for entry in codes()}
    made = [
        errors.TokenRequired(),
        errors.InvalidToken("x"),
        errors.InsufficientUserAuthentication(300),
        errors.InvalidCredentials(),
        errors.NoSession(),
        errors.SessionEnded(),
        errors.SignInRefused(),
        errors.ProofRequired("missing"),
        errors.InsufficientScope(["a"]),
        errors.NotFound(),
        errors.MethodNotAllowed(["GET"]),
        errors.RefreshSuperseded(),
        errors.RequestTimeout(1),
        errors.BodyTooLarge(1),
        errors.UnsupportedMediaType(),
        errors.TooManyAttempts(1),
        errors.ProviderFailed("x"),
        errors.ProviderUnavailable("x"),
        errors.ProviderTimeout("x"),
        errors.StoreUnavailable(),
        errors.Overloaded(),
    ]
    assert [problem.code for problem in made if problem.status not in allowed[problem.code]] == []


def test_a_match_that_forgets_one_is_found_by_the_type_checker() -> None:
    """The comment is a fault of its own where there is nothing to ignore (warn_unused_ignores)."""

    def text(code: ProblemCode) -> str:
        match code:
            case ProblemCode.EMAIL_TAKEN:
                return "Do you want to sign in?"
            case _:
                assert_never(code)  # type: ignore[arg-type]

    assert text(ProblemCode.EMAIL_TAKEN)
    with pytest.raises(AssertionError):
        text(ProblemCode.NOT_FOUND)


@pytest.mark.parametrize("language", texts.LANGUAGES)
class TestTexts:
    def test_every_code_has_one_without_a_hole(self, language: str) -> None:
        assert list(texts.texts_in(language).codes) == list(ProblemCode)
        assert texts.texts_in(language).resume.keys() == texts.texts_in("en").resume.keys()
        for code in ProblemCode:
            said = texts.text_of(code, language, retry_after=30)
            assert len(said) > 3, code
            assert re.search(r"[{}]|  ", said) is None, code

    def test_holes_are_where_english_has_them(self, language: str) -> None:
        holes = {code: re.findall(r"\{\w+\}", text) for code, text in texts.texts_in(language).codes.items()}
        english = {code: re.findall(r"\{\w+\}", text) for code, text in texts.texts_in("en").codes.items()}
        assert holes == english
        assert [hole for found in holes.values() for hole in found] == ["{wait}"]

    def test_a_wait_is_told_in_seconds_or_minutes(self, language: str) -> None:
        one, several = texts.texts_in(language).seconds
        words = texts.texts_in(language).wait
        assert (words(0.2), words(30)) == (one, several.replace("{n}", "30"))
        assert words(3600) == texts.texts_in(language).minutes[1].replace("{n}", "60")
        assert words(90) == texts.texts_in(language).minutes[1].replace("{n}", "2")

    def test_what_has_no_code_of_ours_has_a_sentence(self, language: str) -> None:
        assert texts.text_of("of-a-newer-server", language) == texts.texts_in(language).failures["other"]
        assert texts.text_of("app:closed", language, detail="We are closed today.") == "We are closed today."

    def test_the_words_of_the_protocol_are_not_told_to_people(self, language: str) -> None:
        told = " ".join(texts.texts_in(language).codes.values())
        assert re.search(r"token|cookie|JSON|refresh|header|body|API", told) is None


def test_the_languages_are_the_files_of_the_contract() -> None:
    assert sorted(file.stem for file in (CONTRACT / "texts").glob("*.json")) == list(texts.LANGUAGES)
    with pytest.raises(ValueError, match="de, en, es"):
        texts.texts_in("tlh")
    for language in texts.LANGUAGES:
        read = json.loads((CONTRACT / "texts" / f"{language}.json").read_text("utf-8"))
        assert read["failures"].keys() == {"network", "timeout", "other"}
