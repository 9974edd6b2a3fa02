"""The session of a client: sign in, refresh, sign out."""
