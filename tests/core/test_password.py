"""Passwords are judged by length, by a list and by context; nothing else (NIST SP 800-63B-4 §3.1.1.2)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepass.accounts.passwords.blocklist import load_blocklist
from gatepass.core.password import find_violation, fold, is_overlong, normalise
from gatepass.core.policy import Policy

STANDARD, DEMO = Policy.standard(), Policy.demo()
CONTEXT = ("ann.lovelace@example.com", "ann.lovelace", "gatepass")


def objection(password: str, policy: Policy = STANDARD, context: tuple[str, ...] = CONTEXT) -> str | None:
    found = find_violation(password, policy, blocklist=load_blocklist(), context=context)
    return found.code if found else None


class TestLength:
    """Code points, neither bytes nor what a rule of composition would want."""

    @pytest.mark.parametrize(
        "password", ["vaqum zendo klip", "vaqum zendo kli", "😀😂🐢🌍🍋🚲🎻🧀🦊🐙🌵🔑🪁🧵🥁", "aaaa bbbb cccc d"]
    )
    def test_fifteen_of_any_kind_are_enough(self, password: str) -> None:
        assert objection(password) is None

    @pytest.mark.parametrize("password", ["", "x", "vaqum zendo kl", "😀😂🐢🌍🍋🚲🎻🧀🦊🐙🌵🔑🪁🧵"])
    def test_fourteen_are_too_few(self, password: str) -> None:
        assert objection(password) == "password-too-short"

    def test_sixty_four_and_more_are_accepted_and_what_is_too_long_is_refused_not_cut(self) -> None:
        phrase = "".join(chr(97 + place * place % 25) + chr(48 + place * 7 % 10) for place in range(64))
        assert objection(phrase[:64]) is None
        assert objection(phrase) is None
        assert objection(phrase + "x") == "password-too-long"
        assert is_overlong(phrase + "x", STANDARD)
        assert not is_overlong(phrase, STANDARD)

    def test_the_demonstration_accepts_eight(self) -> None:
        assert objection("vaqumzen", DEMO) is None
        assert objection("vaqumze", DEMO) == "password-too-short"


class TestNormalisation:
    """Canonical composition, and nothing is trimmed or folded."""

    def test_two_spellings_of_one_text_are_one_password(self) -> None:
        assert normalise("cafe\u0301 au lait") == "café au lait"

    @given(st.text())
    def test_it_is_nfc_and_changes_nothing_else(self, text: str) -> None:
        assert normalise(text) == unicodedata.normalize("NFC", text)
        assert normalise(normalise(text)) == normalise(text)

    @pytest.mark.parametrize("text", [" leading", "trailing ", "MiXeD", "a\tb", "ﬁn"])
    def test_spaces_case_and_compatible_letters_count(self, text: str) -> None:
        assert normalise(text) == text


class TestBlocklist:
    """The whole password is compared, in folded form."""

    def test_every_entry_that_is_long_enough_is_refused_under_both_policies(self) -> None:
        for policy in (STANDARD, DEMO):
            fitting = [entry for entry in load_blocklist() if len(entry) >= policy.password_min]
            assert len(fitting) >= 3000
            codes = {objection(entry, policy, ()) for entry in fitting}
            assert codes == {"password-blocklisted"}

    @pytest.mark.parametrize(
        "password", ["PasswordPassword", "ＰＡＳＳＷＯＲＤpassword", "qwertyuiopasdfgh", "Iloveyouiloveyou"]
    )
    def test_case_and_width_do_not_help(self, password: str) -> None:
        assert objection(password) == "password-blocklisted"

    def test_a_phrase_that_merely_contains_an_entry_is_fine(self) -> None:
        assert objection("my password is a zebra") is None

    @pytest.mark.parametrize(
        "password",
        [
            "Password123456!",
            "Welcome2026!!!!",
            "P@ssw0rd2026!!!",
            "pass2026word!!!!",
            "$ecret123456789",
            "!!!Welcome!!!2026",
            "1234567890Password!",
            "WelcomeWelcome1",
            "Letmein!Letmein!",
            "january1990january",
            "qwertyuiop12345!",
            "Passwort12345678",
            "1q2w3e4r5t6y7u8i",
        ],
    )
    def test_what_people_put_around_a_listed_word_does_not_help(self, password: str) -> None:
        assert objection(password) == "password-blocklisted"

    @pytest.mark.parametrize(
        "password", ["xk3!xk3!xk3!xk3!", "vaqumvaqumvaqum", "Abc123Abc123Abc123", "abcdabcdabcdabc1"]
    )
    def test_a_block_that_is_repeated_counts_once(self, password: str) -> None:
        assert objection(password) == "password-blocklisted"

    @pytest.mark.parametrize(
        "password",
        [
            "welcome8273645219",
            "purple rabbit eats 9731 carrots",
            "monkey and dragon 17",
            "19-Elephants-Dance-Slowly",
            "tr0ub4dor&3 is a joke",
            "Kx9#mQ2$vL7!pR4z",
        ],
    )
    def test_a_word_among_what_nobody_can_guess_is_fine(self, password: str) -> None:
        assert objection(password) is None

    @pytest.mark.parametrize(
        "password",
        [
            "aaaaaaaaaaaaaaa",
            "abababababababab",
            "abcdefghijklmnop",
            "987654321098765"[:9] + "zyxwvu",
            "ponmlkjihgfedcba",
        ],
    )
    def test_monotonous_ones_are_refused_unlisted(self, password: str) -> None:
        expected = None if password.startswith("987") else "password-blocklisted"
        assert objection(password) == expected


class TestContext:
    """What an attacker tries first for this very account."""

    @pytest.mark.parametrize(
        "password",
        [
            "ann.lovelace@example.com",
            "ANN.LOVELACE@EXAMPLE.COM",
            "moc.elpmaxe@ecalevol.nna",
            "gatepassgatepass",
            "GatepassGatepass1",
            "ann.lovelace123",
            "gatepass12345678",
            "12345678gatepass",
            "G4tep4ss1234567",
            "Gatepass2026!!!!",
            "ann.lovelace2026!!",
            "annlovelace12345",
            "ann.lovelaceann.lovelace",
        ],
    )
    def test_the_address_the_service_and_plain_derivatives_are_refused(self, password: str) -> None:
        assert objection(password) == "password-contains-context"

    @pytest.mark.parametrize("password", ["gatepass and nine more words", "loves ann very much indeed"])
    def test_a_phrase_that_mentions_them_is_fine(self, password: str) -> None:
        assert objection(password) is None

    def test_words_of_one_or_two_letters_say_nothing(self) -> None:
        assert objection("vaqum zendo klip", context=("a", "ze", "")) is None


@given(st.text(max_size=200))
def test_an_objection_never_quotes_the_password(password: str) -> None:
    found = find_violation(password, STANDARD, blocklist=load_blocklist(), context=CONTEXT)
    if found and len(password) > 3:
        assert password not in found.detail


@given(st.text())
def test_folding_is_stable(text: str) -> None:
    assert fold(fold(fold(text))) == fold(fold(text))
