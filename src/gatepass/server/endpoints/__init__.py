"""The endpoints of PROTOCOL §6, one file for each group. What is in none of these lists cannot be served."""

from gatepass.server.endpoints import (
    account_deletion,
    accounts,
    browser_client,
    devices,
    documents,
    factor_recovery,
    factors,
    identities,
    links,
    mail_codes,
    oidc,
    passkey_enrolment,
    passkeys,
    provider_logout,
    registration,
    resume,
    revocations,
    second_step,
    session_list,
    sessions,
    testing,
)

DESCRIBED = (
    *registration.ENDPOINTS,
    *sessions.ENDPOINTS,
    *second_step.ENDPOINTS,
    *factor_recovery.ENDPOINTS,
    *session_list.ENDPOINTS,
    *links.ENDPOINTS,
    *accounts.ENDPOINTS,
    *account_deletion.ENDPOINTS,
    *identities.ENDPOINTS,
    *factors.ENDPOINTS,
    *oidc.ENDPOINTS,
    *provider_logout.ENDPOINTS,
    *documents.ENDPOINTS,
    *browser_client.ENDPOINTS,
)
"""What every gate answers below its mount, and its OpenAPI document describes."""
FEED = revocations.ENDPOINTS
"""For services without access to the store, where a secret for them is configured."""
DEVICES = devices.ENDPOINTS
"""For browsers that bind sessions to devices. Described too, where that is allowed."""
PASSKEYS = (*passkeys.ENDPOINTS, *passkey_enrolment.ENDPOINTS)
"""Where the gate has an RP id. Described too, there."""
MAIL_CODES = mail_codes.ENDPOINTS
"""Where the policy has codes by mail. Described too, there."""
RELATED_ORIGINS = passkeys.AROUND
"""What `gatepass serve` answers outside the mount too, where pages outside the RP id use its passkeys."""
PAGES = resume.ENDPOINTS
"""Where servers render pages for people. Described too, there."""
AROUND = documents.AROUND
"""What `gatepass serve` answers outside the mount."""
TESTING = testing.ENDPOINTS
"""Where `testing` is on. Described nowhere."""
