"""A whole life at a gate, and every secret that appeared in it, in every spelling in which it could leak."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field

from gatepass.core.keyring import derive, parse_secret
from tests.support.asgi import Answer
from tests.support.browser import Browser, secret_of
from tests.support.gates import SECRET, GateHarness

EMAIL = "canary@example.com"
PASSWORD, NEXT_PASSWORD = "canary pass phrase of Ann", "next canary pass phrase"
TYPED = "a canary typed in the wrong place"


@dataclass
class Life:
    """`secrets` by what they are, and all that was answered."""

    secrets: dict[str, bytes] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)

    def leaks(self, sink: bytes) -> list[str]:
        """Which secrets stand in `sink`, raw, hexadecimal or in base64 of any alignment."""
        folded = sink.lower()
        return [name for name, secret in self.secrets.items() if any(form in sink for form in _forms(secret))
                or secret.hex().encode() in folded]  # fmt: skip


def _forms(secret: bytes) -> Iterable[bytes]:
    yield secret
    yield repr(secret)[2:-1].encode()
    for shift in range(3):
        # Within a longer text the first and the last character of base64 depend on the neighbours.
        inner = base64.b64encode(b"\0" * shift + secret)[4 if shift else 0 : -4]
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


async def live(at: GateHarness) -> Life:
    """Sign up, mistype, refresh, lose answers, change the password, be robbed, sign out; collect the secrets."""
    life = Life()
    raw = parse_secret(SECRET)
    life.secrets |= {
        "the secret": SECRET.encode(),
        "the raw secret": raw,
        "the MAC key": derive(raw, "refresh token mac"),
        "the key that seals binding keys": derive(raw, "binding key seal"),
    }
    life.secrets |= {name: text.encode() for name, text in (("password", PASSWORD), ("next password", NEXT_PASSWORD))}
    life.secrets["what was typed"] = TYPED.encode()
    ann = Browser(at.gate.asgi)
    life.secrets |= {"binding key": ann.key or b"", "binding secret": secret_of(ann.key or b"").encode()}
    life.answers += [await ann.login(EMAIL, TYPED), await ann.register(EMAIL, PASSWORD)]
    life.answers += [await ann.login(EMAIL, TYPED), await ann.login(TYPED, PASSWORD)]
    for turn in range(3):
        _collect(life, ann, str(turn))
        life.answers.append(await ann.refresh(lose=turn == 1))
        life.answers.append(await ann.get("/sessions"))
    change = {"current": PASSWORD, "new": NEXT_PASSWORD}
    life.answers.append(await ann.send("POST", "/password", headers=[ann.bearer], body={**change, "current": TYPED}))
    life.answers.append(await ann.enter("/password", **change))
    thief = ann.clone(key=b"the key of a thief, in 32 bytes.")
    life.answers += [await ann.refresh(), await thief.refresh(), await ann.refresh()]
    _collect(life, ann, "robbed")
    life.answers += [await ann.login(EMAIL, NEXT_PASSWORD)]
    _collect(life, ann, "again")
    life.answers += [await ann.get("/me"), await ann.logout()]
    return life


def _collect(life: Life, browser: Browser, when: str) -> None:
    token = base64.urlsafe_b64decode(browser.rt.removeprefix("gp_rt_") + "==")
    proof = dict(browser.refresh_headers())["gatepass-proof"].rpartition(".")[2]
    life.secrets |= {
        f"refresh token {when}": browser.rt.encode(),
        f"its nonce {when}": token[23:39],
        f"its MAC {when}": token[-32:],
        f"access token {when}": browser.access_token.encode(),
        f"its signature {when}": browser.access_token.rpartition(".")[2].encode(),
        f"proof {when}": proof.encode(),
        f"raw proof {when}": base64.urlsafe_b64decode(proof + "=="),
    }
