"""Second factors: passkeys, authenticator apps, recovery codes, and when an account needs one."""
