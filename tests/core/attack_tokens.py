"""Access tokens that must not hold, as data: every guard's tests can run the same table.

    for attack in cases(issuer):
        assert is_refused(attack.token)

`Issuer` says for whom and when the tokens are made; most are signed with its real key, so that nothing but the
rule under test refuses them. The numbers are rows of the checklist (TK-04 … TK-19) that the project follows.
"""

import base64
import hmac
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gatepass.core.access_token import MAX_AHEAD
from gatepass.core.base64url import encode
from gatepass.core.keyring import ALGORITHMS, P256_ORDER, SigningKey
from tests.core.token_forge import Issuer, header_of, other_last_letters, public_forms, seal, with_signature

FOREIGN_SECRET = bytes(range(100, 132))


@dataclass(frozen=True)
class Attack:
    """A token, the rule that refuses it, and a name."""

    rule: str
    name: str
    token: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.rule} {self.name}"


def cases(issuer: Issuer) -> Iterator[Attack]:
    """The whole table."""
    for rule, make in TABLE.items():
        for name, token in make(issuer):
            yield Attack(rule, name, token)


Named = Iterator[tuple[str, str]]


def changed_bits(issuer: Issuer) -> Named:
    """One bit of every byte of the token's text, and of every byte of its decoded parts."""
    token = issuer.token()
    for place, letter in enumerate(token):
        yield f"character {place}", token[:place] + chr(ord(letter) ^ 1) + token[place + 1 :]
    parts = token.split(".")
    for number, part in enumerate(parts):
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        for place in range(len(raw)):
            changed = raw[:place] + bytes([raw[place] ^ 1 << place % 8]) + raw[place + 1 :]
            yield f"part {number} byte {place}", ".".join([*parts[:number], encode(changed), *parts[number + 1 :]])


def broken_signatures(issuer: Issuer) -> Named:
    """Missing, cut, swapped, foreign."""
    token, other = issuer.token(), issuer.token(sub="1" * 32)
    header, payload, signature = token.split(".")
    yield "no signature", f"{header}.{payload}."
    yield "no signature and no dot", f"{header}.{payload}"
    yield "header and dots", f"{header}.."
    yield "a payload of another token", f"{header}.{other.split('.')[1]}.{signature}"
    yield "a signature of another token", f"{header}.{payload}.{other.split('.')[2]}"
    for size in (1, 31, 32, 33, 63, 65, 128):
        yield f"{size} zeros", f"{header}.{payload}.{encode(bytes(size))}"
    ones = b"\xff" * 64
    yield "64 zeros", f"{header}.{payload}.{encode(bytes(64))}"
    yield "64 times ff", f"{header}.{payload}.{encode(ones)}"
    foreign = SigningKey.from_secret(FOREIGN_SECRET, issuer.key.algorithm)
    yield "a foreign key under our header", seal(foreign, header.encode(), payload.encode())
    yield "a foreign key under its own header", seal(foreign, foreign.header, payload.encode())
    if issuer.key.algorithm == "ES256":
        yield from _broken_curve_signatures(header, payload, signature)


def _broken_curve_signatures(header: str, payload: str, signature: str) -> Named:
    raw = base64.urlsafe_b64decode(signature + "==")
    r, s = raw[:32], int.from_bytes(raw[32:], "big")
    order = P256_ORDER.to_bytes(32, "big")
    for name, forged in {
        "r and s zero (CVE-2022-21449)": bytes(64),
        "r zero": bytes(32) + raw[32:],
        "s zero": r + bytes(32),
        "r and s the order": order * 2,
        "r one and s one": bytes(31) + b"\1" + bytes(31) + b"\1",
        "s plus the order": r + ((s + P256_ORDER) % 2**256).to_bytes(32, "big"),
        "s before r": raw[32:] + r,
    }.items():
        yield name, f"{header}.{payload}.{encode(forged)}"


def wrong_algorithms(issuer: Issuer) -> Named:
    """`alg` is never taken from the token: none in any case, other families, HMAC keyed with what is public."""
    payload = encode(json.dumps(issuer.claims()).encode()).encode()
    for algorithm in ("none", "None", "NONE", "nOnE", "", None, 0, True, [], ["EdDSA"], {"alg": "EdDSA"}):
        header = header_of(issuer, alg=algorithm)
        yield f"alg {algorithm!r}, unsigned", f"{header.decode()}.{payload.decode()}."
        yield f"alg {algorithm!r}, signed", seal(issuer.key, header, payload)
    others = ("EdDSA", "Ed25519", "Ed448", "ES256", "ES384", "ES512", "ES256K", "RS256", "PS256", "HS256", "HS384")
    for algorithm in others:
        if algorithm != issuer.key.algorithm:
            yield f"our key as {algorithm}", seal(issuer.key, header_of(issuer, alg=algorithm), payload)
    for name, shared in public_forms(issuer.key):
        for digest in ("sha256", "sha384", "sha512"):
            header = header_of(issuer, alg=f"HS{digest[3:]}")
            message = header + b"." + payload
            yield f"HS{digest[3:]} keyed with {name}", with_signature(message, hmac.digest(shared, message, digest))
    for algorithm in set(ALGORITHMS) - {issuer.key.algorithm}:
        sibling = SigningKey.from_secret(FOREIGN_SECRET, algorithm)
        header = header_of(issuer, alg=algorithm)
        yield f"a foreign {algorithm} key under our kid", seal(sibling, header, payload)


def foreign_kids(issuer: Issuer) -> Named:
    """`kid` selects among known keys by equality and reaches nothing else."""
    payload = encode(json.dumps(issuer.claims()).encode()).encode()
    kids = (
        "", "unknown", "x" * 4096, "../../dev/null", "/dev/null", "x' UNION SELECT '1';--", "|sleep 10", "$(id)",
        "a\0b", issuer.key.kid + " ", issuer.key.kid.lower(), None, 0, True, [issuer.key.kid], {"kid": issuer.key.kid},
    )  # fmt: skip
    for kid in kids:
        header = header_of(issuer, kid=kid)
        yield f"kid {str(kid)[:30]!r}", seal(issuer.key, header, payload)
        message = header_of(issuer, kid=kid, alg="HS256") + b"." + payload
        yield f"kid {str(kid)[:30]!r}, empty HMAC key", with_signature(message, hmac.digest(b"", message, "sha256"))
    yield "no kid", seal(issuer.key, header_of(issuer, "kid"), payload)


def embedded_keys(issuer: Issuer) -> Named:
    """A key that comes with the token is no key (CVE-2018-0114)."""
    payload = encode(json.dumps(issuer.claims()).encode()).encode()
    foreign = SigningKey.from_secret(FOREIGN_SECRET, "EdDSA")
    sources = {"jwk": foreign.jwk, "jku": "http://127.0.0.1:9/jwks", "x5u": "http://127.0.0.1:9/x", "x5c": ["MIIB"]}
    for name, value in sources.items():
        header = header_of(issuer, alg="EdDSA", kid=foreign.kid, **{name: value})
        yield f"{name}, signed by its key", seal(foreign, header, payload)
        yield f"{name}, signed by ours", seal(issuer.key, header_of(issuer, **{name: value}), payload)


def odd_headers(issuer: Issuer) -> Named:
    """The header is one exact text: critical extensions, doubled names, other orders and spellings are none."""
    payload = encode(json.dumps(issuer.claims()).encode()).encode()
    header = base64.urlsafe_b64decode(issuer.key.header + b"=" * (-len(issuer.key.header) % 4)).decode()
    texts = {
        "crit": header[:-1] + ',"crit":["exp"],"exp":1}',
        "crit empty": header[:-1] + ',"crit":[]}',
        "b64 false": header[:-1] + ',"b64":false,"crit":["b64"]}',
        "alg twice": '{"alg":"none",' + header[1:],
        "kid twice": '{"kid":"x",' + header[1:],
        "with spaces": header.replace(",", ", "),
        "with a member more": header[:-1] + ',"x":1}',
        "with a byte order mark": "\ufeff" + header,
        "an escaped letter": header.replace("alg", "\\u0061lg"),
        "not an object": f"[{header}]",
        "not JSON": header[:-1],
        "empty": "",
        "nested 3000 deep": "[" * 3000 + "]" * 3000,
    }
    for name, text in texts.items():
        yield name, seal(issuer.key, encode(text.encode()).encode(), payload)
    yield "in UTF-16", seal(issuer.key, encode(header.encode("utf-16")).encode(), payload)


def other_types(issuer: Issuer) -> Named:
    """Kinds of JWT are mutually exclusive."""
    payload = encode(json.dumps(issuer.claims()).encode()).encode()
    yield "no typ", seal(issuer.key, header_of(issuer, "typ"), payload)
    for kind in ("JWT", "jwt", "id+jwt", "dpop+jwt", "dbsc+jwt", "reset+jwt", "logout+jwt", "at", "", None, ["at+jwt"]):
        yield f"typ {kind!r}", seal(issuer.key, header_of(issuer, typ=kind), payload)


def wrong_parties(issuer: Issuer) -> Named:
    """`iss` and `aud` match exactly."""
    wrong: Any
    for wrong in (issuer.issuer + "/", issuer.issuer.upper(), issuer.issuer[:-1], "", None, 1, [issuer.issuer]):
        yield f"iss {wrong!r}", issuer.token(iss=wrong)
    yield "no iss", issuer.token("iss")
    for wrong in ("", "elsewhere", issuer.audience + "/", None, 1, [], ["elsewhere"], [[issuer.audience]], {"a": 1}):
        yield f"aud {wrong!r}", issuer.token(aud=wrong)
    yield "no aud", issuer.token("aud")


def wrong_times(issuer: Issuer) -> Named:
    """`exp` and `iat` are required numbers; one tolerance for all."""
    wrong: Any
    yield "expired to the second", issuer.token(exp=issuer.now - issuer.skew)
    yield "long expired", issuer.token(exp=1)
    yield "issued in the future", issuer.token(iat=issuer.now + MAX_AHEAD + 1)
    yield "not valid yet", issuer.token(nbf=issuer.now + issuer.skew + 1)
    for name in ("exp", "iat", "auth_time"):
        yield f"no {name}", issuer.token(name)
    for name in ("exp", "iat", "nbf", "auth_time", "begun_at"):
        for wrong in (str(issuer.now + 900), None, True, False, [], {}, -1, -1e300):
            yield f"{name} {wrong!r}", issuer.token(**{name: wrong})
        for text in ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 400, "9" * 5000, "0x7f", "1_000", "01"):
            text_of_claims = json.dumps(issuer.claims(**{name: "HERE"})).replace('"HERE"', text)
            yield f"{name} {text[:9]}, {len(text)} letters", issuer.seal(text_of_claims.encode())


def missing_facts(issuer: Issuer) -> Named:
    """What a principal is made of must be there, as text."""
    wrong: Any
    for name in ("sub", "sid", "jti", "client_id"):
        yield f"no {name}", issuer.token(name)
        for wrong in ("", None, 0, 7, True, ["x"], {"x": "y"}):
            yield f"{name} {wrong!r}", issuer.token(**{name: wrong})
    for wrong in ("", None, 7, True, ["gold"], {"gold": True}):
        yield f"acr {wrong!r}", issuer.token(acr=wrong)
    for wrong in (None, 7, ["read"], {"read": True}):
        yield f"scope {wrong!r}", issuer.token(scope=wrong)


def odd_payloads(issuer: Issuer) -> Named:
    """A payload is one JSON object in UTF-8, each name once."""
    text = json.dumps(issuer.claims())
    yield "sub twice", issuer.seal(b'{"sub":"x",' + text[1:].encode())
    yield "sub twice, once escaped", issuer.seal(b'{"\\u0073ub":"x",' + text[1:].encode())
    yield "a name twice further in", issuer.seal(text[:-1].encode() + b',"x":{"a":1,"a":2}}')
    for encoding in ("utf-16", "utf-16-be", "utf-32", "utf-8-sig"):
        yield f"in {encoding}", issuer.seal(text.encode(encoding))
    yield "not UTF-8", issuer.seal(text[:-1].encode() + b',"x":"\xff"}')
    for odd in (
        "",
        "{}",
        "[]",
        "null",
        "true",
        "0",
        '""',
        "[" * 2900 + "]" * 2900,
        text[:-1],
        text + "{}",
        f"[{text}]",
    ):
        yield f"{odd[:12]!r}, {len(odd)} letters", issuer.seal(odd.encode())
    yield "a comma too many", issuer.seal(text[:-1].encode() + b",}")
    yield "single quotes", issuer.seal(text.replace('"', "'").encode())


def other_spellings(issuer: Issuer) -> Named:
    """Exactly three parts of unpadded, canonical base64url; nothing before, between or after."""
    token = issuer.token()
    header, payload, signature = token.split(".")
    for size in (1, 2, 3):
        yield f"signature padded with {size}", token + "=" * size
        yield f"payload padded with {size}", seal(issuer.key, header.encode(), (payload + "=" * size).encode())
    for odd in (" ", "\n", "\r\n", "\t", "\0", "%20", "+", "/", "é", "\u2028"):
        yield f"{odd!r} before", odd + token
        yield f"{odd!r} after", token + odd
        yield f"{odd!r} within", f"{header}.{payload}.{signature[:9]}{odd}{signature[9:]}"
        yield f"{odd!r} within the payload", seal(issuer.key, header.encode(), (payload[:9] + odd).encode("utf-8"))
    # Four at once leave the length what it was: a reader that skips what it does not know would see the same token.
    for odd in ("****", "    ", "====", ".-._"):
        yield f"{odd!r} within, of the length of a group", f"{header}.{payload}.{signature[:8]}{odd}{signature[8:]}"
    yield from (
        (f"trailing bits of the signature {name}", spelling)
        for name, spelling in other_last_letters(f"{header}.{payload}.", signature)
    )
    yield "four parts", token + "."
    yield "a fourth part", f"{token}.{signature}"
    yield "five parts, as of a JWE", f"{header}.{payload}.{signature}.{payload}.{signature}"
    yield "a dot first", "." + token
    yield "two dots", token.replace(".", "..", 1)
    yield "nothing", ""
    yield "dots", ".."
    parts = {"protected": header, "payload": payload, "signature": signature}
    yield "JSON serialisation, flat", json.dumps(parts)
    yield "JSON serialisation", json.dumps({"payload": payload, "signatures": [parts]})
    yield "a megabyte", "A" * 2**20
    yield "a megabyte of payload", issuer.token(x="x" * 2**20)
    yield "just over the limit", issuer.token(x="x" * 8192)
    yield "half of a refresh token", "gp_rt_" + "A" * 128


TABLE: dict[str, Callable[[Issuer], Iterable[tuple[str, str]]]] = {
    "TK-04 bits": changed_bits,
    "TK-04 signature": broken_signatures,
    "TK-05 alg": wrong_algorithms,
    "TK-08 kid": foreign_kids,
    "TK-09 embedded key": embedded_keys,
    "TK-10 header": odd_headers,
    "TK-11 typ": other_types,
    "TK-12 parties": wrong_parties,
    "TK-13 times": wrong_times,
    "TK-14 facts": missing_facts,
    "TK-10 payload": odd_payloads,
    "TK-16 spelling": other_spellings,
}
