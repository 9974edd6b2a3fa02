"""Sign-in at another provider of identities: OpenID Connect, and GitHub by an adapter.

    options      what an application says of a provider              environment   the same as settings
    return_to    where the browser may go afterwards                 errand        what it carries there and back
    fetch        requests to a provider, off the event loop          cached        its documents, renewed
    metadata     discovery                                           key_set       its public keys (JWKS)
    id_token     the checks of an ID token                           relying_party one provider, asked and believed
    github       the same for OAuth 2.0 without an ID token          providers     all of a gate

Nothing here knows an account. What a sign-in at a provider proves is an `Assertion`; who that is here is decided by
`accounts`.
"""
