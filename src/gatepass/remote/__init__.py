"""Verifies access tokens in a service that has no access to the store: keys by JWKS, revocations by event stream."""

from gatepass.remote.gate import RemoteGate
from gatepass.remote.revocations import RemoteRevocations

__all__ = ["RemoteGate", "RemoteRevocations"]
