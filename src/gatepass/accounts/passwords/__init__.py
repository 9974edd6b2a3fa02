"""Passwords: hashing, hashes of other systems, and the blocklist."""
