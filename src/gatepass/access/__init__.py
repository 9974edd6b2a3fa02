"""Verifies access tokens in this process: Authorization header in, Principal out. No store, no await on the way."""
