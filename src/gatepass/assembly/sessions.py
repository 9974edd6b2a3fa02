"""Joins the keys, the guard and the sessions of one gate.

The guard (`Check`) verifies with the signing keys, and those change over time. So it begins with the keys that the
secrets stand for, and the signing keys hand it every later set.
"""

from collections.abc import Sequence

from gatepass.access.check import Check
from gatepass.access.pages import PageCheck
from gatepass.access.revoked_sessions import FOREVER, RevokedSessions
from gatepass.assembly.options import Options
from gatepass.core.access_token import Verifier
from gatepass.core.keyring import ACCESS, PAGE, KeyRing, SigningKey, TokenKind, parse_secret
from gatepass.runtime.event_log import EventBus
from gatepass.sessions.claims import AddedClaims
from gatepass.sessions.refresh import Refreshes
from gatepass.sessions.service import Sessions
from gatepass.sessions.signing_keys import SigningKeys
from gatepass.sessions.tokens import TokenIssuer
from gatepass.wire.cookies import Cookies
from gatepass.wire.origin import is_loopback, origin_of


class SessionParts:
    """The store, the signing keys, and what needs no account."""

    def __init__(self, options: Options) -> None:
        options.browsers.check_url(options.public_url)
        self.options = options
        self.report = EventBus()
        self._join_keys_and_guard()
        self._join_sessions()

    def _join_keys_and_guard(self) -> None:
        options, policy = self.options, self.options.policy
        if not is_loopback(options.public_url):
            options.secrets.require_prefixes()
        secrets = [parse_secret(text) for text in options.secrets.tokens]
        self._ring = KeyRing(secrets, algorithm=options.tokens.algorithm, retired=options.secrets.retired_key_ids)
        self._issuer = options.tokens.issued_by(origin_of(options.public_url))
        # Of the tokens that live longest: what ends a session must be known as long as one of its tokens is valid.
        longest = max(policy.access_ttl, options.page_ttl or 0)
        retention = longest + policy.clock_skew + policy.leeway
        self.revocations = RevokedSessions(
            retention=retention,
            max_age=FOREVER if options.store.is_private else options.limits.revocation_max_age,
        )
        self.check = Check(self._verifier(self._ring.signing_keys), revocations=self.revocations, clock=options.clock)
        self._page_tokens = Check(
            self._verifier(self._ring.signing_keys, kind=PAGE), revocations=self.revocations, clock=options.clock
        )
        self.keys = SigningKeys(
            self._ring,
            store=options.store,
            algorithm=options.tokens.algorithm,
            kept=retention,
            clock=options.clock,
            entropy=options.entropy,
            changed=self._trust,
        )

    def _trust(self, keys: Sequence[SigningKey]) -> None:
        self.check.trust(self._verifier(keys))
        self._page_tokens.trust(self._verifier(keys, kind=PAGE))

    def _verifier(self, keys: Sequence[SigningKey], *, kind: TokenKind = ACCESS) -> Verifier:
        issuer, skew = self._issuer, self.options.policy.clock_skew
        return Verifier(keys, issuer=issuer.issuer, audience=issuer.audience, skew=skew, kind=kind)

    def _join_sessions(self) -> None:
        options, browsers = self.options, self.options.browsers
        self.cookies = Cookies.for_url(
            options.public_url,
            path=browsers.cookie_path,
            earlier_path=browsers.earlier_cookie_path,
            same_site=browsers.same_site,
            has_pages=options.pages is not None,
        )
        if options.pages is not None:
            self.check.pages = PageCheck(self.check, self._page_tokens, cookies=self.cookies, options=options.pages)
        added_claims = AddedClaims(
            options.bounded_tokens,
            store=options.store,
            marks=self.revocations.marks,
            clock=options.clock,
            report=self.report,
        )
        tokens = TokenIssuer(
            self._ring,
            self.keys,
            issuer=self._issuer,
            added_claims=added_claims,
            policy=options.policy,
            entropy=options.entropy,
            channel=self.cookies.place.channel,
            page_ttl=options.page_ttl,
        )
        self.sessions = Sessions(
            store=options.store,
            tokens=tokens,
            policy=options.policy,
            clock=options.clock,
            entropy=options.entropy,
            revocations=self.revocations,
            report=self.report,
        )
        self._refreshes = Refreshes(
            store=options.store,
            tokens=tokens,
            policy=options.policy,
            clock=options.clock,
            revocations=self.revocations,
            report=self.report,
        )
