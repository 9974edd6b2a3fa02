"""A browser's half of Device Bound Session Credentials, in Python: keys in memory instead of hardware, and no I/O.

    device = VirtualDevice()
    request = device.registration_for(url, answer.headers)   # after each answer: is there anything to register?
    device.registered(request, status, body)
    request = device.refresh_for(url, cookies)               # before each request: must the browser wait?
    device.refreshed(request, status, headers, body)

The test sends the requests, by any HTTP client. What the device does with each answer was measured on Chromium 156:
a 403 with a challenge is signed and repeated, a 5xx keeps the session and the signature, any other 4xx ends it.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gatepass.core import base64url
from gatepass.core.device_key import PROOF_TYPE, DeviceAlgorithm

Dialect = Literal["secure-session", "sec-session"]
Pairs = Iterable[tuple[str, str]]
_REGISTRATION = re.compile(r'\(([A-Z0-9 ]+)\);path="([^"]+)";challenge="([^"]+)"')
_CHALLENGE = re.compile(r'"([^"]+)";id="([^"]+)"')


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """A POST without a body that the browser makes by itself. `session_id` is None for a registration."""

    url: str
    headers: tuple[tuple[str, str], ...]
    session_id: str | None = None


@dataclass(slots=True)
class BoundSession:
    """What the browser keeps of one registration."""

    key: "SoftwareKey"
    refresh_url: str
    bound_paths: tuple[str, ...]
    cookie: str
    attributes: str
    challenge: str | None = None
    skipped: str | None = None
    """Why the last request was let through without the cookie: quota_exceeded, server_error."""


@dataclass(frozen=True)
class SoftwareKey:
    """A private key that signs proofs, in the place of one in hardware."""

    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False
    )

    @classmethod
    def make(cls, algorithm: DeviceAlgorithm = "ES256") -> "SoftwareKey":
        """A new key; one of RSA takes some tenths of a second."""
        return cls() if algorithm == "ES256" else cls(rsa.generate_private_key(65537, 2048))

    @property
    def algorithm(self) -> DeviceAlgorithm:
        """What it signs with."""
        return "RS256" if isinstance(self.private, rsa.RSAPrivateKey) else "ES256"

    def jwk(self) -> dict[str, str]:
        """The public half (RFC 7517)."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            numbers = self.private.public_key().public_numbers()
            return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        point = self.private.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": _number(point.x, 32), "y": _number(point.y, 32)}

    def sign(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        """The compact JWS of any header and any claims, so that a test can also make wrong ones."""
        encoded = [base64url.encode(json.dumps(part).encode()) for part in (header, claims)]
        message = ".".join(encoded).encode()
        if isinstance(self.private, rsa.RSAPrivateKey):
            signature = self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        else:
            r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return f"{message.decode()}.{base64url.encode(signature)}"


class VirtualDevice:
    """One device: the bound sessions of one browser profile. A copy of a profile has its cookies, but no device."""

    def __init__(
        self, *, algorithm: DeviceAlgorithm = "ES256", dialect: Dialect = "secure-session", quoted: bool = False
    ) -> None:
        """`quoted`: send header values in quotes, as the draft has it; Chromium 156 does not."""
        self.algorithm = algorithm
        self.dialect = dialect
        self.quoted = quoted
        self.sessions: dict[str, BoundSession] = {}
        self._key: SoftwareKey | None = None

    def registration_for(self, url: str, headers: Pairs) -> DeviceRequest | None:
        """What the browser sends after an answer to `url` with these `headers`; None if nothing."""
        match = _REGISTRATION.fullmatch(dict(headers).get(f"{self.dialect}-registration", ""))
        if match is None or self.algorithm not in match[1].split() or urlsplit(url).scheme != "https":
            return None
        self._key = SoftwareKey.make(self.algorithm)
        header: dict[str, Any] = {"alg": self.algorithm, "typ": PROOF_TYPE}
        claims: dict[str, Any] = {"jti": match[3]}
        (header if self.dialect == "secure-session" else claims)[self._jwk_member] = self._key.jwk()
        return DeviceRequest(urljoin(url, match[2]), self._head(url, [self._proof(self._key.sign(header, claims))]))

    def registered(self, request: DeviceRequest, status: int, body: bytes) -> bool:
        """Take the answer to a registration in. Returns whether there is a bound session now."""
        if status != 200 or self._key is None:
            return False
        document = json.loads(body)
        rules = document["scope"]["scope_specification"]
        credential = document["credentials"][0]
        self.sessions[document["session_identifier"]] = BoundSession(
            self._key,
            urljoin(request.url, document["refresh_url"]),
            tuple(rule["path"] for rule in rules if rule["type"] == "include"),
            credential["name"],
            credential["attributes"],
        )
        return True

    def refresh_for(self, url: str, cookies: Iterable[str]) -> DeviceRequest | None:
        """What the browser sends before a request to `url`, which waits for it, if a bound cookie is missing."""
        path, names = urlsplit(url).path, set(cookies)
        for session_id, session in self.sessions.items():
            if session.skipped is None and session.cookie not in names and path.startswith(session.bound_paths):
                return self.refresh(session_id, url)
        return None

    def refresh(self, session_id: str, url: str) -> DeviceRequest:
        """The refresh of one bound session, with a proof if the browser holds a challenge."""
        session = self.sessions[session_id]
        name = "sec-secure-session-id" if self.dialect == "secure-session" else "sec-session-id"
        sent = [(name, self._value(session_id))]
        if session.challenge is not None:
            header = {"alg": session.key.algorithm, "typ": PROOF_TYPE}
            sent.append(self._proof(session.key.sign(header, {"jti": session.challenge})))
        return DeviceRequest(session.refresh_url, self._head(url, sent), session_id)

    def refreshed(self, request: DeviceRequest, status: int, headers: Pairs, body: bytes = b"") -> None:
        """Take the answer to a refresh in: keep the session, sign another challenge, or forget the session."""
        session_id = request.session_id or ""
        session = self.sessions[session_id]
        match = _CHALLENGE.fullmatch(dict(headers).get(f"{self.dialect}-challenge", ""))
        if match is not None and match[2] == session_id:
            session.challenge = match[1]
        is_challenged = status == 403 and match is not None
        is_ended = status == 200 and bool(body) and json.loads(body).get("continue") is False
        if status >= 500:
            session.skipped = "server_error"
        elif is_ended or (status >= 400 and not is_challenged):
            del self.sessions[session_id]

    def skip_header(self) -> list[tuple[str, str]]:
        """What goes with a request that the browser let through, and takes back the reason."""
        skipped = [(name, session) for name, session in self.sessions.items() if session.skipped is not None]
        texts = [f'{session.skipped};session_identifier="{name}"' for name, session in skipped]
        for _, session in skipped:
            session.skipped = None
        return [(f"{self.dialect}-skipped", ", ".join(texts))] if texts else []

    @property
    def _jwk_member(self) -> str:
        return "jwk" if self.dialect == "secure-session" else "key"

    def _proof(self, jws: str) -> tuple[str, str]:
        return (f"{self.dialect}-response", self._value(jws))

    def _value(self, text: str) -> str:
        return f'"{text}"' if self.quoted else text

    def _head(self, url: str, own: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """The headers of a request by the browser itself: those of Chromium 156."""
        parts = urlsplit(url)
        modes = {"site": "same-origin", "mode": "no-cors", "dest": "empty"}
        fetch = [(f"sec-fetch-{name}", value) for name, value in modes.items()]
        return (("origin", f"{parts.scheme}://{parts.netloc}"), *fetch, ("content-length", "0"), *own)


def _number(value: int, length: int | None = None) -> str:
    return base64url.encode(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))
