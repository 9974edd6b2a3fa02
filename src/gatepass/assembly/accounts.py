"""Joins the accounts of one gate: hooks, passwords, identities, mail, and what is done by mailed links."""

from gatepass.accounts.administration import Administration
from gatepass.accounts.changes import Changes
from gatepass.accounts.code_throttle import CodeThrottle
from gatepass.accounts.email_change import EmailChange
from gatepass.accounts.email_links import EmailLinks
from gatepass.accounts.external import ExternalUsers
from gatepass.accounts.factor_reset import FactorReset
from gatepass.accounts.hooks import Hooks
from gatepass.accounts.identities import Identities
from gatepass.accounts.mail_codes import MailCodes, check_mail_codes
from gatepass.accounts.notifications import Notifications
from gatepass.accounts.password_reset import PasswordReset
from gatepass.accounts.passwords.hashing import Argon2Hasher, Pepper, hashing_threads
from gatepass.accounts.passwords.queue import FairQueue
from gatepass.accounts.passwords.rules import Passwords
from gatepass.accounts.provider_logout import ProviderLogout
from gatepass.accounts.registration import Registration, check_mode
from gatepass.accounts.service import Accounts
from gatepass.assembly.options import Options
from gatepass.assembly.sessions import SessionParts
from gatepass.factors.changes import FactorChanges
from gatepass.factors.policy import SecondFactors
from gatepass.factors.recovery import FactorRecoveries
from gatepass.factors.recovery_codes import RecoveryCodes
from gatepass.factors.service import FactorList
from gatepass.factors.totp import Totps
from gatepass.mail.outbox import Outbox
from gatepass.sessions.changed_claims import ChangedClaims


class AccountParts(SessionParts):
    """What makes, verifies and changes accounts."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.hooks = Hooks(clock=options.clock, report=self.report)
        self.changes = Changes(options.store, hooks=self.hooks, clock=options.clock)
        self.second_factors = SecondFactors(
            options.store,
            policy=options.policy,
            takes_passkeys=options.passkeys is not None,
            clock=options.clock,
            report=self.report,
        )
        self._throttle = CodeThrottle(options.store, clock=options.clock, report=self.report)
        self._join_accounts()
        self._join_factors()
        self._join_identities()
        self._join_administration()
        self._join_mail()
        self._join_registration()
        self._join_mailed_changes()
        self._join_mail_codes()

    def _join_accounts(self) -> None:
        options, policy = self.options, self.options.policy
        limits = options.limits
        self._passwords = Passwords(
            options.hasher or Argon2Hasher(pepper=Pepper(options.secrets.peppers)),
            # One more than threads: no thread is idle while the event loop hands out the next turn.
            queue=FairQueue(running=hashing_threads() + 1, waiting=limits.hashing_queue),
            sample=options.store.sample_password_hashes,
            policy=policy,
            service_words=("gatepass", options.host),
            clock=options.clock,
        )
        external: ExternalUsers | None = None
        if options.users is not None:
            external = ExternalUsers(
                options.users,
                queue=FairQueue(running=limits.sign_ins_at_once, waiting=limits.hashing_queue),
                store=options.store,
                sessions=self.sessions,
                changes=self.changes,
                clock=options.clock,
            )
        self.accounts = Accounts(
            options.store,
            sessions=self.sessions,
            passwords=self._passwords,
            throttle=self._throttle,
            clock=options.clock,
            entropy=options.entropy,
            report=self.report,
            changes=self.changes,
            external_users=external,
        )

    def _join_factors(self) -> None:
        options, store, clock = self.options, self.options.store, self.options.clock
        self.factors = FactorList(store)
        self.factor_changes = FactorChanges(hooks=self.hooks, clock=clock, report=self.report)
        self.recovery_codes = RecoveryCodes(
            store,
            throttle=self._throttle,
            changes=self.factor_changes,
            clock=clock,
            entropy=options.entropy,
            report=self.report,
        )
        self.totps = Totps(
            store,
            service=options.mail.templates_for(options.host).service,
            keys=self._ring,
            throttle=self._throttle,
            recovery_codes=self.recovery_codes,
            changes=self.factor_changes,
            clock=clock,
            entropy=options.entropy,
        )

    def _join_identities(self) -> None:
        options = self.options
        self.identities = Identities(
            "closed" if options.users else options.policy.registration,
            store=options.store,
            sessions=self.sessions,
            hooks=self.hooks,
            changes=self.changes,
            clock=options.clock,
            entropy=options.entropy,
            report=self.report,
        )
        self.provider_logout = ProviderLogout(options.store, sessions=self.sessions, clock=options.clock)

    def _join_administration(self) -> None:
        self._factor_resets = FactorReset(
            self.options.store, throttle=self._throttle, clock=self.options.clock, report=self.report
        )
        self.changed_claims = ChangedClaims(
            store=self.options.store,
            is_account=self.accounts.is_known,
            revocations=self.revocations,
            clock=self.options.clock,
            report=self.report,
        )
        self.administration = Administration(
            self.options.store,
            accounts=self.accounts,
            identities=self.identities,
            factors=self._factor_resets,
            sessions=self.sessions,
            keys=self.keys,
            claims=self.changed_claims,
            clock=self.options.clock,
            entropy=self.options.entropy,
        )

    def _join_mail(self) -> None:
        options = self.options
        mail, clock, store = options.mail, options.clock, options.store
        sends_mail = mail.mailer is not None
        check_mode(options.policy.registration, sends_mail=sends_mail)
        check_mail_codes(options.policy.mail_codes, sends_mail=sends_mail, has_users=options.users is not None)
        self.mailer = mail.open(options.host)
        self.outbox = Outbox(self.mailer, clock=clock, report=self.report) if self.mailer else None
        templates = mail.templates_for(options.host)
        self._notifications = Notifications(
            store, outbox=self.outbox, templates=templates, security_mail=mail.security_mail, clock=clock
        )
        self.report.add(self._notifications.on_event)
        self._links = EmailLinks(
            store,
            keys=self._ring,
            pages=mail.pages.at(options.public_url),
            templates=templates,
            outbox=self.outbox if options.users is None else None,
            clock=clock,
            report=self.report,
        )

    def _join_registration(self) -> None:
        options = self.options
        self.registration = Registration(
            "closed" if options.users else options.policy.registration,
            store=options.store,
            accounts=self.accounts,
            passwords=self._passwords,
            links=self._links,
            hooks=self.hooks,
            clock=options.clock,
            entropy=options.entropy,
        )

    def _join_mailed_changes(self) -> None:
        options = self.options
        self.password_reset = PasswordReset(
            options.store,
            accounts=self.accounts,
            passwords=self._passwords,
            sessions=self.sessions,
            links=self._links,
            clock=options.clock,
            report=self.report,
        )
        self.factor_recoveries = FactorRecoveries(
            options.store,
            wait=options.policy.factor_recovery_wait,
            resets=self._factor_resets,
            links=self._links,
            sessions=self.sessions,
            hooks=self.hooks,
            clock=options.clock,
            report=self.report,
        )
        self.email_change = EmailChange(
            options.store,
            accounts=self.accounts,
            sessions=self.sessions,
            links=self._links,
            notifications=self._notifications,
            hooks=self.hooks,
            changes=self.changes,
            clock=options.clock,
            report=self.report,
        )

    def _join_mail_codes(self) -> None:
        options = self.options
        self.mail_codes = MailCodes(
            options.store,
            links=self._links,
            throttle=self._throttle,
            sessions=self.sessions,
            keys=self._ring,
            clock=options.clock,
            entropy=options.entropy,
            report=self.report,
        )
