"""`gatepass serve` with addresses to verify, from end to end: over a real socket, with mail in a folder."""

import re
import signal
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import httpx2
import pytest

from tests.support.browser import proof_of, secret_of
from tests.support.gates import SECRET
from tests.support.process import serving
from tools.services.patience import until

pytestmark = pytest.mark.slow

NATIVE = {"Gatepass-Client": "1"}
PERSON = {"email": "ann@example.com", "password": "seven green bottles on a wall"}


def mail_in(folder: Path, count: int) -> list[str]:
    """The texts of `count` mails, oldest first, as soon as they have arrived."""
    until(lambda: len(list(folder.glob("*.eml"))) >= count, f"mail {count}")
    return [
        message_from_bytes(file.read_bytes(), policy=default).get_content() for file in sorted(folder.glob("*.eml"))
    ]


def token_in(text: str) -> str:
    found = re.search(r"http://localhost:\d+/\w+#token=(\S+)", text)
    assert found is not None
    return found[1]


def test_register_confirm_forget_and_reset(tmp_path: Path) -> None:
    box = tmp_path / "mail"
    box.mkdir()
    settings = {
        "SECRET": SECRET,
        "STORE": "sqlite:///gate.db",
        "REGISTRATION": "verify",
        "MAIL": f"file://{box}",
        "MAIL_FROM": "Gate <gate@example.com>",
    }
    with serving(tmp_path, settings) as server:
        base = f"http://127.0.0.1:{server.port}/auth"
        with httpx2.Client(base_url=base, headers=NATIVE) as client:
            assert client.post("/register", json=PERSON).status_code == 202
            token = token_in(mail_in(box, 1)[0])
            made = client.post("/verify", json={"token": token, "password": PERSON["password"]})
            assert made.status_code == 201
            bearer = {"Authorization": f"Bearer {made.json()['access_token']}"}
            assert client.get("/me", headers=bearer).json()["email"] == "ann@example.com"
            assert client.post("/register", json=PERSON).status_code == 202, "taken looks like free"
            mail_in(box, 2)  # several are under way at the same time, in any order
            assert client.post("/password/forgot", json={"email": "ann@example.com"}).status_code == 202
            texts = mail_in(box, 3)
            reset = {"token": token_in(texts[2]), "new": "eight green bottles on a wall"}
            assert client.post("/password/reset", json=reset).status_code == 204
            assert client.get("/me", headers=bearer).status_code == 401
            again = client.post("/login", json={**PERSON, "password": reset["new"]})
            assert again.status_code == 200
        code, said = server.stop(signal.SIGTERM)
    assert code == 0
    assert "gp_vt_" not in said
    assert "gp_pr_" not in said
    assert len(mail_in(box, 4)) == 4, "the last one says that the password was changed"


def test_the_owner_hears_of_a_copy_of_the_cookie_that_was_tried(tmp_path: Path) -> None:
    box = tmp_path / "mail"
    box.mkdir()
    settings = {"SECRET": SECRET, "STORE": "sqlite:///gate.db", "MAIL": f"file://{box}"}
    with serving(tmp_path, settings) as server:
        base = f"http://127.0.0.1:{server.port}/auth"
        with httpx2.Client(base_url=base, headers=NATIVE) as owner, httpx2.Client(base_url=base) as thief:
            key = bytes(32)
            made = owner.post("/register", json={**PERSON, "binding_secret": secret_of(key)}).json()
            thief.cookies.update(owner.cookies)
            state = made["session_id"], made["refresh_generation"], made["refresh_challenge"]
            refused = thief.post("/refresh", headers={"Gatepass-Proof": proof_of(b"t" * 32, *state)})
            assert (refused.status_code, refused.json()["reason"]) == (403, "wrong")
            assert owner.post("/refresh", headers={"Gatepass-Proof": proof_of(key, *state)}).status_code == 200
            (text,) = mail_in(box, 1)
            assert "a copy of a sign-in to your account" in text
        server.stop(signal.SIGTERM)
