"""An OpenID provider in a test's hand: real HTTP, real signatures, and every lie that a test asks for.

    with Provider() as provider:                    on a free port, with one RSA key
        provider.claims = lambda c: {**c, "aud": "somebody else"}

It signs in everybody at once: `answer(location)` is what the browser would be sent back with.
"""

import base64
import hashlib
import itertools
import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

CLIENT_ID = "the-gate"
CLIENT_SECRET = "a secret: with äöü & signs, of forty bytes"
ACCESS_TOKEN = "at-canary-Zq7-of-the-provider"
Claims = dict[str, Any]
_RSA = [RSAKey.generate_key(2048, {"kid": f"rsa-{number}"}) for number in range(2)]
"""Made once: it takes a while."""


class Provider:
    """Who signs in is `subject`; what the ID token says goes through `claims`, its header through `header`."""

    def __init__(self, now: Callable[[], int], *, path: str = "") -> None:
        self.now = now
        self.path = path
        self.subject = "248289761001"
        self.profile: Claims = {"email": "ann@example.com", "email_verified": True, "name": "Ann"}
        self.claims: Callable[[Claims], Claims] = lambda claims: claims
        self.metadata: Callable[[Claims], Claims] = lambda members: members
        self.answered: Callable[[dict[str, str]], dict[str, str]] = lambda parameters: parameters
        self.userinfo: Callable[[Claims], Claims] = lambda members: members
        self.token: Callable[[Claims], Claims] = lambda members: members
        self.sign: Callable[[Claims], str] = self._sign
        self.key: Key = _RSA[0]
        self.algorithm = "RS256"
        self.published: list[Mapping[str, Any]] = [self.key.as_dict(private=False)]
        self.replies: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.seen: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.credentials: list[tuple[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._numbers = itertools.count()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """As if it were down."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self._server.server_port}{self.path}"

    @property
    def options(self) -> dict[str, Any]:
        """Of `gate.oidc(…)`."""
        return {"issuer": self.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}

    def rotate(self) -> None:
        """Sign with another key from now on; the old one is not published any more."""
        self.key = _RSA[1] if self.key is _RSA[0] else _RSA[0]
        self.published = [self.key.as_dict(private=False)]

    def use(self, algorithm: str) -> None:
        """Sign by another algorithm, with a key of its own."""
        curves = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
        if algorithm in curves:
            self.key = ECKey.generate_key(curves[algorithm], {"kid": algorithm})
        elif algorithm[:2] in ("RS", "PS"):
            self.key = _RSA[0]
        elif algorithm == "EdDSA":
            self.key = OKPKey.generate_key("Ed25519", {"kid": algorithm})
        elif algorithm.startswith("HS"):
            self.key = OctKey.import_key(CLIENT_SECRET)
        self.algorithm = algorithm
        self.published = [] if algorithm.startswith("HS") else [self.key.as_dict(private=False)]

    def answer(self, location: str) -> dict[str, str]:
        """The person signs in: the parameters with which the browser comes back."""
        asked = dict(parse_qsl(urlsplit(location).query))
        code = f"code-of-the-provider-{next(self._numbers)}"
        self._codes[code] = asked
        return self.answered({"code": code, "state": asked["state"]})

    def metadata_members(self) -> Claims:
        at = self.issuer
        return self.metadata(
            {
                "issuer": at,
                "authorization_endpoint": f"{at}/authorize?flow=main",
                "token_endpoint": f"{at}/token",
                "jwks_uri": f"{at}/jwks",
                "userinfo_endpoint": f"{at}/userinfo",
            }
        )

    def _token(self, handler: BaseHTTPRequestHandler) -> tuple[int, Claims]:
        raw = handler.rfile.read(int(handler.headers["content-length"])).decode()
        form = {name: values[0] for name, values in parse_qs(raw).items()}
        self.forms.append(form)
        self._note_credentials(handler, form)
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or asked["redirect_uri"] != form["redirect_uri"] or self.credentials[-1][0] != CLIENT_ID:
            return 400, {"error": "invalid_grant"}
        digest = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if digest != asked["code_challenge"] or asked["code_challenge_method"] != "S256":
            return 400, {"error": "invalid_grant"}
        claims = self.claims(
            {
                "iss": self.issuer,
                "sub": self.subject,
                "aud": CLIENT_ID,
                "exp": self.now() + 300,
                "iat": self.now(),
                **({"nonce": asked["nonce"]} if "nonce" in asked else {}),
                **self.profile,
            }
        )
        return 200, self.token({"access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": self.sign(claims)})

    def _note_credentials(self, handler: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        scheme, _, pair = handler.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            name, _, secret = base64.b64decode(pair).decode().partition(":")
            self.credentials.append((unquote_plus(name), unquote_plus(secret)))
        else:
            self.credentials.append((form.get("client_id", ""), form.get("client_secret", "")))

    def _sign(self, claims: Claims) -> str:
        header = {"alg": self.algorithm, "kid": self.key.kid} if self.key.kid else {"alg": self.algorithm}
        registry = jws.JWSRegistry(algorithms=[self.algorithm])
        if self.algorithm == "EdDSA":
            return _signed_without_warning(header, claims, self.key)
        return jws.serialize_compact(header, json.dumps(claims), self.key, registry=registry)

    def _reply(self, handler: BaseHTTPRequestHandler, path: str) -> tuple[int, Any]:
        if path == "/.well-known/openid-configuration":
            return 200, self.metadata_members()
        if path == "/jwks":
            return 200, {"keys": self.published}
        if path == "/userinfo":
            known = handler.headers.get("authorization") == f"Bearer {ACCESS_TOKEN}"
            return (200, self.userinfo({"sub": self.subject, **self.profile})) if known else (401, {})
        if path == "/token":
            return self._token(handler)
        return 404, {}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path).path.removeprefix(provider.path)
                provider.seen.append(path)
                if path in provider.replies:
                    provider.replies[path](self)
                    return
                send(self, *provider._reply(self, path))

            do_POST = do_GET  # noqa: N815 (the name that the library calls)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        return Handler


def send(handler: BaseHTTPRequestHandler, status: int, body: object) -> None:
    """Answer with JSON, or with bytes as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(raw)))
    handler.end_headers()
    handler.wfile.write(raw)


def callback(name: str, parameters: Mapping[str, str]) -> str:
    """Path and query of the way back."""
    return f"/oidc/{name}/callback?{urlencode(parameters)}"


def segment(value: object) -> str:
    """A part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _signed_without_warning(header: Mapping[str, str], claims: Claims, key: Key) -> str:
    """EdDSA: the library warns of its name (RFC 9864)."""
    message = f"{segment(header)}.{segment(claims)}"
    private: Any = key.get_op_key("sign")
    signature = private.sign(message.encode())
    return f"{message}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
