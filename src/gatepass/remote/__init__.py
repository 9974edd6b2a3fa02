"""Verifies access tokens in a service that has no access to the store: keys by JWKS, revocations by event stream."""
